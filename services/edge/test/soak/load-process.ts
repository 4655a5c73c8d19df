import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { waitUntil, type Cleanup } from '@sluice/testkit'
import type { FromLoad, ToLoad } from './load-messages.ts'

/** A process that a part of the soak's traffic comes from and goes to; it ends with the test. */
export class LoadProcess {
  upstream = ''
  latest: Extract<FromLoad, { kind: 'report' }> | undefined
  private readonly child: ChildProcess
  private hasStopped = false

  private constructor(child: ChildProcess) {
    this.child = child
    child.on('message', (message: FromLoad) => {
      if (message.kind === 'upstream') this.upstream = message.url
      else if (message.kind === 'report') this.latest = message
      else this.hasStopped = true
    })
  }

  static async start(t: Cleanup): Promise<LoadProcess> {
    const child = fork(fileURLToPath(new URL('./load-main.ts', import.meta.url)), [], { execArgv: [] })
    t.after(() => void child.kill('SIGKILL'))
    const load = new LoadProcess(child)
    await waitUntil(() => load.upstream !== '', { timeoutMs: 60_000, what: 'the upstream' })
    return load
  }

  tell(message: ToLoad): void {
    this.child.send(message)
  }

  /** Resolves once every lane has ended. */
  async stop(): Promise<void> {
    this.tell({ kind: 'stop' })
    await waitUntil(() => this.hasStopped, { timeoutMs: 300_000, what: 'the lanes to end' })
  }
}
