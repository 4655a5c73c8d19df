// Loaded into each test file that has its own process: node:test limits the time of a test, not that of a file. A file
// that has hung is killed, and says so first; what it started ends with it.
const limitSeconds = Number(process.env.SLUICE_TEST_FILE_TIMEOUT_SECONDS) || 900

// The runner loads this, too, and lives longer.
if (process.env.NODE_TEST_CONTEXT !== undefined) setTimeout(end, limitSeconds * 1000).unref()

function end(): void {
  process.stderr.write(`this file took longer than ${limitSeconds} s\n`, () => process.kill(process.pid, 'SIGKILL'))
}
