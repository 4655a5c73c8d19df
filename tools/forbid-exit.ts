// Loaded before test files that share a process: there, one that calls process.exit would end all of them, with
// exit code 0 and no summary. Here it gets an error instead, whose stack names the file.
const exit = process.exit.bind(process)

process.exit = (code) => {
  const error = new Error(`process.exit(${code ?? ''}) was called in a process that test files share`)
  // The runner itself ends the process that way once it is through.
  const caller = error.stack?.split('\n')[2] ?? ''
  if (caller.includes('node:internal')) exit(code)
  throw error
}
