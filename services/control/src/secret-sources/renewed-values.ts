/**
 * Values behind references are renewed by others: certificates by their programs, secrets by their stores. Files are looked at
 * every few seconds and stores asked every minute; what holds another value than the head was made with is read anew, as a
 * revision of its own. A key that does not fit its certificate yet is no revision: the next look finds both. What cannot be
 * read keeps the value it had.
 *
 * A file is taken when it has looked the same twice, so that one which is still being written is not. One that has lost more than half
 * of what it held, as a list does whose download broke, is not taken by itself: whoever means it applies the configuration.
 *
 * Of several controls each has files of its own, and none must take back what another has renewed: a file counts as
 * renewed when it changed since this control looked last, or, at its first look, since the head was made.
 */
import { parseReference } from '@sluice/proto/config'
import type { Logger } from '@sluice/service-kit'
import { lookOfFile } from './files.ts'
import type { SecretSources } from './secret-sources.ts'

export interface HeadValues {
  /** By reference. */
  readonly values: Readonly<Record<string, string>>
  readonly committedAtMs: number
}

export interface RenewedValuesParts {
  readonly logger: Logger
  readonly sources: SecretSources
  readonly now: () => number
  /** Between two looks at stores of secrets. */
  readonly storesEveryMs: number
  /** Whether no other control works on the store. */
  readonly isOnly: boolean
  /** Undefined: there is no head. */
  head(): Promise<HeadValues | undefined>
  /** Relative paths are looked for in these folders, in this order. */
  directories(): Promise<readonly string[]>
  /** Makes a revision with these references read anew and answers its number. */
  renew(renewed: readonly string[]): Promise<number>
}

const filesEveryMs = 5000
/** Shorter values may well be replaced by ones of half their length. */
const shrinksFrom = 1024
const storeKinds: ReadonlySet<string> = new Set(['vault', 'aws-sm', 'k8s'])

export class RenewedValues {
  readonly #parts: RenewedValuesParts
  /** How each file looked last. */
  readonly #looks = new Map<string, string>()
  /** Looked otherwise at the last look, and are not read before they look the same at the next. */
  readonly #unsettled = new Set<string>()
  /** By reference, the length of a value that was left alone because it lost too much. */
  readonly #shrunk = new Map<string, number>()
  /** Differ from the head, and are not taken yet. */
  readonly #due = new Set<string>()
  #storesAskedAt: number
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  #told = ''

  constructor(parts: RenewedValuesParts) {
    this.#parts = parts
    // What runs was read a moment ago.
    this.#storesAskedAt = parts.now()
  }

  start(): void {
    if (this.#isStopped) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#lookOn(), Math.min(filesEveryMs, this.#parts.storesEveryMs)).unref()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  async #lookOn(): Promise<void> {
    await this.look()
    this.start()
  }

  /** Compares what there is with what runs; never rejects. */
  async look(): Promise<void> {
    const { logger, renew, sources } = this.#parts
    try {
      await sources.keepTokens()
      await this.#compare()
      if (this.#due.size === 0 || this.#isStopped) return
      const references = [...this.#due].sort()
      const revision = await renew(references)
      this.#due.clear()
      this.#told = ''
      logger.info({ references, revision }, 'renewed values are taken')
    } catch (error) {
      // Told once: half of a renewal, or a store that is away, is looked at again in a moment.
      const problem = (error as Error).message
      if (problem !== this.#told) logger.warn({ problem }, 'renewed values cannot be taken yet; what runs stays')
      this.#told = problem
    }
  }

  async #compare(): Promise<void> {
    const { head, directories, now, storesEveryMs } = this.#parts
    const found = await head()
    const references = Object.keys(found?.values ?? {})
    for (const reference of this.#due) if (!references.includes(reference)) this.#due.delete(reference)
    if (found === undefined || references.length === 0) return
    const asksStores = now() - this.#storesAskedAt >= storesEveryMs
    if (asksStores) this.#storesAskedAt = now()
    const from = await directories()
    for (const reference of references) {
      const { kind, target } = parseReference(reference)!
      if (kind === 'file') await this.#compareFile(reference, target, found, from)
      else if (storeKinds.has(kind) && asksStores) await this.#compareValue(reference, found, from, true)
    }
  }

  async #compareFile(reference: string, target: string, head: HeadValues, directories: readonly string[]): Promise<void> {
    const found = await lookOfFile(target, directories)
    if (found === undefined) return
    const before = this.#looks.get(reference)
    this.#looks.set(reference, found.look)
    if (before !== undefined && before !== found.look) {
      this.#unsettled.add(reference)
      return
    }
    const isSettled = this.#unsettled.delete(reference)
    if (before !== undefined && !isSettled && !this.#due.has(reference)) return
    const isNews = before !== undefined || this.#parts.isOnly || found.modifiedAtMs > head.committedAtMs
    await this.#compareValue(reference, head, directories, isNews)
  }

  async #compareValue(reference: string, { values }: HeadValues, directories: readonly string[], isNews: boolean): Promise<void> {
    const outcome = await this.#parts.sources.read(reference, { directories })
    if (!('value' in outcome)) return
    if (outcome.value === values[reference] || this.#hasLostTooMuch(reference, values[reference] ?? '', outcome.value)) this.#due.delete(reference)
    else if (isNews) this.#due.add(reference)
  }

  /** Certificates and keys come in any length. */
  #hasLostTooMuch(reference: string, before: string, now: string): boolean {
    const isShrunk = before.length >= shrinksFrom && now.length < before.length / 2 && !now.includes('-----BEGIN ')
    if (!isShrunk) this.#shrunk.delete(reference)
    else if (this.#shrunk.get(reference) !== now.length) {
      this.#shrunk.set(reference, now.length)
      this.#parts.logger.warn({ reference, before: before.length, now: now.length }, 'what a reference leads to holds less than half of what it did, and is left alone: apply the configuration if it is meant')
    }
    return isShrunk
  }
}
