/**
 * Break-glass orders as the host agent keeps them: heard from control over the bus, on disk for a start without it, in force for the workers
 * until their time is over or they are ended. They lie beside the configuration and change no revision of it.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bus } from '@sluice/buses/bus'
import type { ConfigVerifier } from '@sluice/buses/config-feed'
import { listen } from '@sluice/buses/rpc'
import { type BreakGlassEntry, type BreakGlassSet, isInForce, readBreakGlass, withHeard } from '@sluice/proto/break-glass'
import { type BreakGlassNotice, BreakGlassNoticeSchema } from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import type { Clock, Logger } from '@sluice/service-kit'

export interface HostOrdersParts {
  readonly bus: Bus
  readonly scope: string
  readonly datacenter: string
  readonly directory: string
  readonly clock: Clock
  readonly logger: Logger
  /** Whose orders are taken; left out, everybody's on the bus. */
  readonly verifier?: ConfigVerifier | undefined
  /** Told of a notice that was not taken, and why. */
  readonly onRefused: (reason: 'signature' | 'malformed') => void
  /** Those that are in force from now on. */
  readonly onOrders: (inForce: readonly BreakGlassEntry[]) => void
}

/** The longest wait that a timer takes. */
const longestWaitMs = 2 ** 31 - 1

export class HostOrders {
  readonly #parts: HostOrdersParts
  readonly #file: string
  #known: BreakGlassSet = new Map()
  #saving: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #unsubscribe: (() => void)[] = []

  constructor(parts: HostOrdersParts) {
    this.#parts = parts
    this.#file = join(parts.directory, 'break-glass.json')
  }

  /** Begins with what is on disk. Never waits for control. */
  async start(): Promise<void> {
    await this.#load()
    const { bus, scope, datacenter, onRefused } = this.#parts
    for (const of of new Set(['', datacenter])) {
      const subscription = listen(bus, subjects.breakGlass(scope, of), BreakGlassNoticeSchema, (notice) => this.#hear(notice, of), { onMalformed: () => onRefused('malformed') })
      this.#unsubscribe.push(() => subscription.unsubscribe())
    }
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe()
    await this.#saving
  }

  #hear(notice: BreakGlassNotice, datacenter: string): void {
    const { scope, verifier, clock, onRefused } = this.#parts
    if (notice.scope !== scope || notice.datacenter !== datacenter) return onRefused('malformed')
    if (verifier?.verifyOrders(notice, notice.signature) === false) return onRefused('signature')
    let heard: BreakGlassEntry[]
    try {
      heard = readBreakGlass(notice.entries)
    } catch {
      return onRefused('malformed')
    }
    this.#use(withHeard(this.#known, heard, clock.now()))
  }

  #use(known: BreakGlassSet): void {
    if (known === this.#known) return
    this.#known = known
    this.#saving = this.#saving.then(() => this.#save())
    this.#tell()
  }

  /** What is in force now, and again when the first of it is not any more. */
  #tell(): void {
    clearTimeout(this.#timer)
    const now = this.#parts.clock.now()
    const inForce = [...this.#known.values()].filter((entry) => isInForce(entry, now))
    this.#parts.onOrders(inForce)
    const first = Math.min(...inForce.map(({ untilMs }) => untilMs))
    if (first !== Infinity) this.#timer = setTimeout(() => this.#tell(), Math.min(longestWaitMs, Math.max(1, first - now))).unref()
  }

  async #load(): Promise<void> {
    const { logger, clock } = this.#parts
    const text = await readFile(this.#file, 'utf8').catch(() => '[]')
    try {
      this.#known = withHeard(this.#known, readBreakGlass(text), clock.now())
      if (this.#known.size > 0) this.#tell()
    } catch (error) {
      logger.error({ err: error, file: this.#file }, 'the break-glass orders on disk cannot be read and are passed over; control repeats those that stand')
    }
  }

  async #save(): Promise<void> {
    const { directory, logger } = this.#parts
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      await writeFile(`${this.#file}.tmp`, JSON.stringify([...this.#known.values()]), { mode: 0o600, flush: true })
      await rename(`${this.#file}.tmp`, this.#file)
    } catch (error) {
      logger.error({ err: error, file: this.#file }, 'the break-glass orders could not be kept on disk')
    }
  }
}
