import { join } from 'node:path'
import { fetchOnce, startProcess, waitUntil, type Cleanup, type Exit, type ProcessOptions, type RunningProcess } from '@sluice/testkit'

const sluiceCommand = join(import.meta.dirname, '../../node_modules/.bin/sluice')

export interface ProcessPlan {
  readonly name: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly directory: string
  /** Where `/healthz`, `/readyz` and `/metrics` are. */
  readonly metricsUrl: string
  /** The command that runs it, as the same process: in another network namespace, for instance. */
  readonly through?: readonly string[]
}

const startTimeoutMs = 45_000

/** A `sluice` process that can be ended and started again; it goes with the test that `t` belongs to. */
export class SluiceProcess {
  readonly name: string
  readonly metricsUrl: string
  readonly #t: Cleanup
  readonly #plan: ProcessPlan
  readonly #lives: RunningProcess[] = []
  #exit: Exit | undefined

  constructor(t: Cleanup, plan: ProcessPlan) {
    this.#t = t
    this.#plan = plan
    this.name = plan.name
    this.metricsUrl = plan.metricsUrl
  }

  get pid(): number {
    return this.#running.pid
  }

  get isRunning(): boolean {
    return this.#lives.length > 0 && this.#exit === undefined
  }

  /** Starts it and resolves once it is ready. */
  async start(): Promise<void> {
    this.launch()
    await this.ready()
  }

  launch(): void {
    if (this.isRunning) throw new Error(`${this.name} runs already`)
    const { args, env, directory, through = [] } = this.#plan
    this.#exit = undefined
    const life = startGuarded(this.#t, [...through, sluiceCommand, ...args], { cwd: directory, env: { ...withoutSettings(), ...env } })
    this.#lives.push(life)
    life.exited.then((exit) => (this.#exit = exit), () => undefined)
  }

  async ready(): Promise<void> {
    await waitUntil(async () => this.#exit !== undefined || (await isReady(this.metricsUrl)), { timeoutMs: startTimeoutMs, what: `${this.name} to be ready` }).catch((error: Error) => {
      throw new Error(`${error.message}; the last it printed:\n${this.output().slice(-4000)}`, { cause: error })
    })
    if (this.#exit !== undefined) throw new Error(`${this.name} ended (${this.#exit.code ?? this.#exit.signal}) while starting:\n${this.output().slice(-4000)}`)
  }

  /** SIGTERM and the end; fails when that is not a clean one. */
  async stop(): Promise<void> {
    const { code, signal } = await this.kill('SIGTERM')
    if (code !== 0) throw new Error(`${this.name} ended with ${code ?? signal} after SIGTERM:\n${this.output().slice(-4000)}`)
  }

  /** Sends a signal that ends it and waits for the end. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.#running.signal(signal)
    return this.#running.exited
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  /** How it ended. */
  get exited(): Promise<Exit> {
    return this.#running.exited
  }

  /** What it has printed in all its lives. */
  output(): string {
    return this.#lives.map((life) => life.stdout() + life.stderr()).join('')
  }

  /** What it has printed since it was last started. */
  newestOutput(): string {
    return this.#running.stdout() + this.#running.stderr()
  }

  get #running(): RunningProcess {
    const running = this.#lives.at(-1)
    if (running === undefined) throw new Error(`${this.name} was never started`)
    return running
  }
}

/** Runs `sluice` to its end, with none of this process's own settings. */
export async function runSluice(t: Cleanup, args: readonly string[], options: ProcessOptions): Promise<Exit & { stdout: string; stderr: string }> {
  const running = startGuarded(t, [sluiceCommand, ...args], { ...options, env: { ...withoutSettings(), ...options.env } })
  const exit = await running.exited
  return { ...exit, stdout: running.stdout(), stderr: running.stderr() }
}

/** The watch over a process ends with it, not only with the test: there are many over time. */
function startGuarded(t: Cleanup, [command = '', ...args]: readonly string[], options: ProcessOptions): RunningProcess {
  const endings: (() => void | Promise<void>)[] = []
  const running = startProcess({ after: (end) => void endings.push(end) }, command, args, options)
  const end = async () => void (await Promise.all(endings.splice(0).map((one) => one())))
  running.exited.then(end, end)
  t.after(end)
  return running
}

/** Settings of whoever runs the tests are not this system's, and how busy their machine is must not decide what is answered. */
function withoutSettings(): Record<string, string | undefined> {
  const names = Object.keys(process.env).filter((name) => name.startsWith('SLUICE_'))
  return { ...Object.fromEntries(names.map((name) => [name, undefined])), SLUICE_SHED_LAG_MS: '0' }
}

export async function isReady(metricsUrl: string): Promise<boolean> {
  return fetchOnce(`${metricsUrl}/readyz`, { timeoutMs: 2000 }).then(({ status }) => status === 200, () => false)
}
