/**
 * A process on the same machine that has nothing to do with the system, and answers requests as the probed route does: how much later
 * it answers while routes change is what any process would notice.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Probe, probeBody, Prober } from './prober.ts'

/** Asked as often as the whole system while routes change. */
export async function startBystander(everyMs: number): Promise<{ readonly prober: Prober; stop(): Promise<void> }> {
  const child = fork(fileURLToPath(import.meta.url))
  const [port] = (await once(child, 'message')) as [number]
  const prober = new Prober([await Probe.open(port)], { everyMs, chaseMs: everyMs })
  return {
    prober,
    async stop() {
      await prober.stop()
      child.kill()
    },
  }
}

function serve(): void {
  const body = probeBody(0)
  const answer = `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  const server = createServer({ noDelay: true }, (socket) => socket.on('error', () => {}).on('data', () => socket.write(answer)))
  server.listen(0, '127.0.0.1', () => process.send!((server.address() as { port: number }).port))
  process.on('disconnect', () => process.exit())
}

if (import.meta.main) serve()
