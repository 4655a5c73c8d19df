// What the local servers share: started in a process group of their own, ready once they answer their own
// protocol, ended by their id and with the process that started them.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../packages/testkit/src/free-port.ts'
import { guardProcessGroup, signalGroup } from './process-guard.ts'

export interface LocalServer {
  readonly name: string
  readonly port: number
  /** Id of the process and of its group; changes with a restart. */
  readonly pid: number
  /** Where its data lies. */
  readonly directory: string
  /** The last of what it printed. */
  output(): string
  /** Ends it in order and removes its directory unless that was given. */
  stop(): Promise<void>
  /** Sends `signal` [SIGKILL] and, where that ends it, waits for the end. Data and port are kept for `restart`. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Starts it again with the same port, data and settings; ends it in order first when it runs. */
  restart(): Promise<void>
  /** Starts it again as `restart` does, unless it runs: for the end of a test that may have left it killed. */
  revive(): Promise<void>
}

export interface ServerPlan {
  name: string
  port: number
  scratch: Scratch
  command: string
  args: readonly string[]
  /** Whether the server answers its own protocol. */
  isReady: () => Promise<boolean>
  startTimeoutMs: number
  stopTimeoutMs: number
  /** What ends it in order [SIGTERM]. */
  stopSignal?: NodeJS.Signals
  /** Whose process it is [this process's own user]. */
  user?: ServerUser | undefined
}

export interface ServerUser {
  uid: number
  gid: number
}

/** A directory for a server's data; `owned` when it was made here and goes with the server. */
export interface Scratch {
  directory: string
  owned: boolean
}

export function openScratch(name: string, directory?: string): Scratch {
  if (directory === undefined) return { directory: mkdtempSync(join(tmpdir(), `sluice-${name}-`)), owned: true }
  mkdirSync(directory, { recursive: true })
  return { directory, owned: false }
}

/**
 * Runs `start` with `port`, or with a free one. A port that was free when it was chosen may be taken a moment
 * later by somebody else, so a chosen one is replaced when the server finds it in use.
 */
export async function withPort<T>(port: number | undefined, start: (port: number) => Promise<T>): Promise<T> {
  if (port !== undefined) return start(port)
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await freePort())
    } catch (error) {
      if (attempt === 3 || !/in use/i.test(String(error))) throw error
    }
  }
}

export async function startServer(plan: ServerPlan): Promise<LocalServer> {
  const server = new ServerProcess(plan)
  try {
    await server.start()
  } catch (error) {
    await server.stop()
    throw error
  }
  return server
}

class ServerProcess implements LocalServer {
  readonly #plan: ServerPlan
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()
  #output = ''

  constructor(plan: ServerPlan) {
    this.#plan = plan
  }

  get name(): string {
    return this.#plan.name
  }

  get port(): number {
    return this.#plan.port
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  get directory(): string {
    return this.#plan.scratch.directory
  }

  output(): string {
    return this.#output
  }

  async start(): Promise<void> {
    this.#launch()
    const { name, startTimeoutMs, isReady } = this.#plan
    const deadline = performance.now() + startTimeoutMs
    while (this.#isRunning()) {
      if (await isReady()) return
      if (performance.now() > deadline) throw new Error(`${name} was not ready after ${startTimeoutMs} ms:\n${this.#output}`)
      await sleep(50)
    }
    throw new Error(`${name} ended while starting:\n${this.#output}`)
  }

  async stop(): Promise<void> {
    if (this.#isRunning()) {
      signalGroup(this.pid, this.#stopSignal)
      signalGroup(this.pid, 'SIGCONT') // a paused process takes no other signal
      const timer = setTimeout(() => signalGroup(this.pid, 'SIGKILL'), this.#plan.stopTimeoutMs)
      await this.#waitForEnd()
      clearTimeout(timer)
    }
    const { directory, owned } = this.#plan.scratch
    if (owned) rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!this.#isRunning()) return
    signalGroup(this.pid, signal)
    if (['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGABRT'].includes(signal)) await this.#waitForEnd()
  }

  async restart(): Promise<void> {
    await this.kill(this.#stopSignal)
    mkdirSync(this.directory, { recursive: true })
    await this.start()
  }

  async revive(): Promise<void> {
    if (!this.#isRunning()) await this.restart()
  }

  get #stopSignal(): NodeJS.Signals {
    return this.#plan.stopSignal ?? 'SIGTERM'
  }

  #isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  #waitForEnd(): Promise<void> {
    this.#child?.ref() // somebody waits now
    return this.#ended
  }

  #launch(): void {
    const { command, args, scratch, user } = this.#plan
    const child = spawn(command, args, { cwd: scratch.directory, detached: true, stdio: ['ignore', 'pipe', 'pipe'], ...user })
    this.#child = child
    this.#output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.#output = (this.#output + text).slice(-8000)))
      ;(stream as typeof stream & { unref?(): void }).unref?.()
    }
    child.on('error', (error) => (this.#output += `${error.message}\n`))
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => resolve())
      child.once('error', () => resolve())
    })
    if (child.pid === undefined) return
    child.once('exit', guardProcessGroup(child.pid, scratch.owned ? scratch.directory : undefined))
    child.unref() // a forgotten server must not keep a test process alive; the guard ends it
  }
}
