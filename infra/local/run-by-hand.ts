import type { LocalServer } from './server-process.ts'

/** For `node infra/local/<name>.ts`: starts one, says where, and ends it on SIGINT or SIGTERM. */
export async function runByHand<T extends LocalServer>(start: () => Promise<T>, describe: (server: T) => string): Promise<void> {
  const server = await start()
  console.log(describe(server))
  console.error(`pid ${server.pid}, data in ${server.directory}; Ctrl-C ends it`)
  const keepAlive = setInterval(() => {}, 60_000)
  const end = async () => {
    clearInterval(keepAlive)
    await server.stop()
    process.exit(0)
  }
  process.once('SIGINT', () => void end()).once('SIGTERM', () => void end())
}
