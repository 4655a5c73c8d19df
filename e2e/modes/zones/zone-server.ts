// A backing server inside a zone: started, killed, stopped and started again at the same address.
import { mkdirSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { startProcess, waitUntil, type Cleanup, type RunningProcess } from '@sluice/testkit'
import type { Zone } from './namespaces.ts'

export interface ZoneServerPlan {
  readonly zone: Zone
  readonly command: string
  readonly args: readonly string[]
  readonly port: number
  readonly directory: string
}

export class ZoneServer {
  readonly #t: Cleanup
  readonly #plan: ZoneServerPlan
  #running: RunningProcess | undefined

  constructor(t: Cleanup, plan: ZoneServerPlan) {
    this.#t = t
    this.#plan = plan
  }

  /** host:port, as the zones know it. */
  get address(): string {
    return `${this.#plan.zone.address}:${this.#plan.port}`
  }

  async start(): Promise<void> {
    const { zone, command, args, directory, port } = this.#plan
    mkdirSync(directory, { recursive: true })
    const [enter = '', ...entering] = zone.enter
    this.#running = startProcess(this.#t, enter, [...entering, command, ...args], { cwd: directory })
    await waitUntil(() => accepts(zone.clientAddress, port), { timeoutMs: 20_000, everyMs: 50, what: `${command} in zone ${zone.name}` }).catch((error: Error) => {
      throw new Error(`${error.message}: ${this.#running?.stderr().slice(-2000)}`, { cause: error })
    })
  }

  isThere(): Promise<boolean> {
    return accepts(this.#plan.zone.clientAddress, this.#plan.port)
  }

  async kill(): Promise<void> {
    this.#running?.signal('SIGKILL')
    await this.#running?.exited
  }

  pause(): void {
    this.#running?.signal('SIGSTOP')
  }

  goOn(): void {
    this.#running?.signal('SIGCONT')
  }

  /** Everything that it keeps is gone; it must not run. */
  forget(): void {
    rmSync(this.#plan.directory, { recursive: true, force: true })
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  const socket = connect(port, host)
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
  }).then((isOpen) => {
    socket.destroy()
    return isOpen as boolean
  })
}
