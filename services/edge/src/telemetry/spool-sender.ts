import { readFile, rename, rmdir, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Bus } from '@sluice/buses/bus'
import { call } from '@sluice/buses/rpc'
import { codeOf } from '@sluice/errors'
import { UsageBatchReplySchema, UsageBatchSchema, type UsageBatch } from '@sluice/proto/messages/analytics'
import { subjects } from '@sluice/proto/subjects'
import type { Logger } from '@sluice/service-kit'
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { SpoolEntry } from './spool-directory.ts'
import { decodeFile } from './spool-file.ts'

export interface SenderParts {
  readonly bus: Bus
  readonly scope: string
  readonly edge: string
  /** Whose files are still being written. */
  readonly boot: string
  readonly logger: Logger
  /** Logs at most once a minute. */
  readonly onTrouble: (what: string) => void
  readonly onSent: () => void
}

type Batch = UsageBatch | MessageInitShape<typeof UsageBatchSchema>

const timeoutMs = 5000
const firstRetryMs = 250
const longestRetryMs = 10_000
/** On their way at once: what analytics was away for is told soon, and no edge fills its memory or that of analytics with it. */
const maxTogether = 32
const maxTogetherBytes = 4 * 1024 * 1024

/**
 * Sends complete files, oldest first, each until analytics has stored it; then the file goes. A batch that is sent twice is
 * stored once, so after any doubt it is sent again. What has gathered goes out several at a time, since analytics writes those
 * that come together in one go; the next ones wait for all of them, and after a failure one goes ahead alone.
 */
export class SpoolSender {
  readonly #parts: SenderParts
  readonly #queue: SpoolEntry[] = []
  #bytes = 0
  #isSending = false
  /** Stored already, though one before is not. */
  readonly #storedAhead = new Set<SpoolEntry>()
  #wake: (() => void) | undefined
  #failures = 0
  #isStopped = false
  #idle: (() => void)[] = []

  constructor(parts: SenderParts) {
    this.#parts = parts
  }

  /** Of files that are not stored yet. */
  get unsentBytes(): number {
    return this.#bytes
  }

  get unsentBatches(): number {
    return this.#queue.length
  }

  add(entry: SpoolEntry): void {
    this.#queue.push(entry)
    this.#bytes += entry.bytes
    if (!this.#isStopped && !this.#isSending) void this.#sendAll()
  }

  /** Tries again at once, if it was waiting to. */
  retryNow(): void {
    this.#wake?.()
  }

  /** Resolves once everything is sent. */
  async sent(): Promise<void> {
    if (this.#queue.length > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  /** Begins no further call; what is not sent stays on disk. */
  stop(): void {
    this.#isStopped = true
    this.retryNow()
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true
    while (this.#queue.length > 0 && !this.#isStopped) {
      const together = this.#nextTogether()
      const read = await Promise.all(together.map((entry) => this.#tell(this.#read(entry))))
      // None before the one that is older has left.
      const areStored = await Promise.all(together.map((entry, index) => this.#trySend(entry, read[index])))
      for (const [index, entry] of together.entries()) if (areStored[index] === true) this.#storedAhead.add(entry)
      await this.#letGo()
      if (areStored.includes(false)) await this.#pause()
      else this.#failures = 0
    }
    this.#isSending = false
    if (this.#queue.length === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** The oldest that are not stored: as many as may be on their way, of one boot. */
  #nextTogether(): SpoolEntry[] {
    const most = this.#failures > 0 ? 1 : maxTogether
    const together: SpoolEntry[] = []
    let bytes = 0
    for (const entry of this.#queue) {
      if (this.#storedAhead.has(entry)) continue
      bytes += entry.bytes
      const first = together[0] ?? entry
      if (together.length === most || entry.boot !== first.boot || (bytes > maxTogetherBytes && entry !== first)) break
      together.push(entry)
    }
    return together
  }

  /** Those that are stored, up to the first that is not: what is missing on disk before a file that is there was lost. */
  async #letGo(): Promise<void> {
    for (let entry = this.#queue[0]; entry !== undefined && this.#storedAhead.delete(entry); entry = this.#queue[0]) {
      if (entry.path !== undefined) await this.#tell(unlink(entry.path).catch(ignoreMissing))
      this.#parts.onSent()
      this.#queue.shift()
      this.#bytes -= entry.bytes
      if (this.#queue[0]?.boot !== entry.boot) await this.#leaveBoot(entry)
    }
  }

  async #trySend(entry: SpoolEntry, batch: Batch | undefined): Promise<boolean> {
    return batch !== undefined && (await this.#tell(this.#send(entry, batch).then(() => true))) === true
  }

  /** What comes of the work; undefined when it fails. A bus or an analytics that is away is nothing to report: that is what the spool is for. */
  async #tell<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work
    } catch (error) {
      if (!codeOf(error).startsWith('dependency.')) this.#parts.onTrouble(`usage batch cannot be delivered: ${error instanceof Error ? error.message : String(error)}`)
      return undefined
    }
  }

  async #send(entry: SpoolEntry, batch: Batch): Promise<void> {
    const types = { request: UsageBatchSchema, reply: UsageBatchReplySchema }
    const subject = subjects.usageBatch(this.#parts.scope)
    try {
      await call(this.#parts.bus, subject, types, batch, { timeoutMs })
    } catch (error) {
      if (codeOf(error) !== 'client.bad_request') throw error
      // It will never be stored; kept aside for people, and its number is filled so that the others count as complete.
      this.#parts.logger.error({ err: error, boot: entry.boot, sequence: entry.sequence }, 'analytics refused a usage batch; its file was put aside')
      await call(this.#parts.bus, subject, types, this.#emptyBatch(entry), { timeoutMs })
      if (entry.path !== undefined) await rename(entry.path, `${entry.path}.refused`)
    }
  }

  async #read(entry: SpoolEntry): Promise<Batch> {
    const content = entry.path === undefined ? undefined : await readFile(entry.path).catch(ignoreMissing)
    const spooled = content === undefined ? undefined : decodeFile(content)
    const facts = { boot: entry.boot, sequence: entry.sequence }
    if (spooled === undefined) this.#parts.logger.error(facts, 'a usage batch was lost: its file is missing or cannot be read')
    else if (spooled.isCut) this.#parts.logger.warn(facts, 'the end of a usage batch was lost: its file was cut short')
    return spooled?.batch ?? this.#emptyBatch(entry)
  }

  #emptyBatch({ boot, sequence }: SpoolEntry): Batch {
    return { scope: this.#parts.scope, edge: this.#parts.edge, boot, sequence }
  }

  /** An earlier boot's folder goes with its last file, unless something else lies there. */
  async #leaveBoot({ boot, path }: SpoolEntry): Promise<void> {
    if (boot !== this.#parts.boot && path !== undefined) await rmdir(dirname(path)).catch(() => {})
  }

  /** Longer with each failure, and not for all edges at once. */
  #pause(): Promise<void> {
    const ms = Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(10, this.#failures++)) * (0.75 + Math.random() / 2)
    if (this.#isStopped) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), ms).unref()
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
    })
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
