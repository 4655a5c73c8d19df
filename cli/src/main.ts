// The entry of bin/sluice. A command that stays (`run`, `service`) ends the process by itself.
import { runCommandLine } from './program.ts'
import { processSurroundings } from './surroundings.ts'

// `sluice … | head` ends with the reader's end, not with a stack.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
})
process.exitCode = await runCommandLine(process.argv.slice(2), processSurroundings())
