/**
 * Following the configuration: hints as the fast way, a poll as the certain one (a lost hint costs at most one
 * poll). A document is handed on only when its bytes have the digest that was announced, revisions only upwards, one
 * at a time; while one is being applied the newest of those that arrive waits and the others are passed over.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf, type SluiceError } from '@sluice/errors'
import { type ConfigHint, ConfigHintSchema } from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import type { Bus } from './bus.ts'
import type { ConfigDocument, ConfigVersion } from './config-document.ts'
import { checkDigest, downloadHead, isNewer } from './config-download.ts'
import { listen } from './rpc.ts'

export { digestOf } from './config-document.ts'
export type { ConfigDocument, ConfigVersion } from './config-document.ts'
export { announceConfig, answerConfig } from './config-serving.ts'
export type { AnswerConfigParts } from './config-serving.ts'

export interface FollowConfigOptions {
  readonly scope: string
  /** What runs already, from disk for instance; only newer revisions are handed on. */
  readonly have?: ConfigVersion | undefined
  /** Between two questions for the head, ± 20 % so that edges do not ask all at once [10000]. */
  readonly pollMs?: number
  /** How long control may take for one chunk [5000]. */
  readonly timeoutMs?: number
  /** Larger documents are refused [256 MiB]. */
  readonly maxDocumentBytes?: number
  /**
   * Takes a revision; the next one waits until it is done. A rejection is told to `onError` and the revision is
   * handed over again at the next poll: what is refused for good is refused by returning.
   */
  onDocument(document: ConfigDocument): void | Promise<void>
  /** Something is wrong that waiting does not mend: a digest that does not fit, two revisions of one number. */
  onError?(error: unknown): void
  /** Control could not be asked, by the bus at least. Comes with each poll while that lasts. */
  onUnreachable?(error: SluiceError): void
  /** Another way to the head, asked when the bus did not serve; nothing when `have` is the newest. */
  fetchFallback?(have: ConfigVersion | undefined): Promise<ConfigDocument | undefined>
  readonly onMalformed?: (subject: string, error: unknown) => void
}

export interface ConfigFeed {
  stop(): void
  /**
   * Asks for the head now; resolves when that is done and what was found has been handed on. Never rejects: see
   * `onError` and `onUnreachable`. Not to be awaited inside `onDocument`.
   */
  pull(): Promise<void>
  /** The newest revision that `onDocument` has taken, or `have`. */
  head(): ConfigVersion | undefined
}

/** Hands each new revision of `scope` to `onDocument`, beginning with a question for the head. */
export function followConfig(bus: Bus, options: FollowConfigOptions): ConfigFeed {
  const follower = new ConfigFollower(bus, options)
  follower.start()
  return follower
}

class ConfigFollower implements ConfigFeed {
  readonly #bus: Bus
  readonly #options: FollowConfigOptions
  #taken: ConfigVersion | undefined
  #inHand: ConfigVersion | undefined
  #next: ConfigDocument | undefined
  #handing: Promise<void> | undefined
  #pulling: Promise<void> | undefined
  #pullAgain = false
  #announced = 0
  #chasing: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  #unsubscribe = () => {}

  constructor(bus: Bus, options: FollowConfigOptions) {
    this.#bus = bus
    this.#options = options
    this.#taken = options.have
  }

  start(): void {
    const { scope, onMalformed } = this.#options
    const isValid = (hint: ConfigHint) => hint.scope === scope && Number.isSafeInteger(hint.revision) && hint.revision > 0
    const listenOptions = { isValid, ...(onMalformed && { onMalformed }) }
    const hints = listen(this.#bus, subjects.configHint(scope), ConfigHintSchema, (hint) => this.#hear(hint), listenOptions)
    const reconnects = this.#bus.onStatus((status) => {
      if (status === 'connected') void this.pull()
    })
    this.#unsubscribe = () => {
      hints.unsubscribe()
      reconnects.unsubscribe()
    }
    void this.pull()
    this.#schedulePoll()
  }

  stop(): void {
    this.#isStopped = true
    this.#next = undefined
    clearTimeout(this.#timer)
    this.#unsubscribe()
  }

  head(): ConfigVersion | undefined {
    return this.#taken
  }

  /** Whoever asks while a question is on its way gets the answer to a later one, since the head may just have moved. */
  pull(): Promise<void> {
    if (this.#pulling !== undefined) this.#pullAgain = true
    return (this.#pulling ??= this.#pullUntilQuiet().finally(() => (this.#pulling = undefined)))
  }

  async #pullUntilQuiet(): Promise<void> {
    do {
      this.#pullAgain = false
      await this.#pullOnce()
    } while (this.#pullAgain && !this.#isStopped)
  }

  async #pullOnce(): Promise<void> {
    const { scope, timeoutMs = 5000, maxDocumentBytes = 256 * 1024 * 1024 } = this.#options
    try {
      const found = await downloadHead(this.#bus, { scope, have: this.#newest(), timeoutMs, maxBytes: maxDocumentBytes })
      if (found !== undefined) await this.#offer(found)
    } catch (error) {
      if (codeOf(error).startsWith('dependency.')) await this.#fallBack(error as SluiceError)
      else this.#report(error)
    }
  }

  async #fallBack(error: SluiceError): Promise<void> {
    if (this.#isStopped) return
    this.#options.onUnreachable?.(error)
    if (this.#options.fetchFallback === undefined) return
    try {
      const found = await this.#options.fetchFallback(this.#newest())
      if (found === undefined || !isNewer(found, this.#newest())) return
      checkDigest(found)
      await this.#offer(found)
    } catch (fallbackError) {
      this.#report(fallbackError)
    }
  }

  async #hear(hint: ConfigHint): Promise<void> {
    try {
      if (!isNewer(hint, this.#newest())) return
      if (hint.document.length === 0) return await this.#chase(hint.revision)
      checkDigest(hint)
      await this.#offer({ revision: hint.revision, digest: hint.digest, document: hint.document })
    } catch (error) {
      this.#report(error)
      await this.pull()
    }
  }

  /**
   * Asks until the announced revision is here. Of several controls the one that answers may not have it yet; after a
   * few seconds the ordinary poll goes on alone.
   */
  #chase(revision: number): Promise<void> {
    this.#announced = Math.max(this.#announced, revision)
    return (this.#chasing ??= this.#chaseAnnounced().finally(() => (this.#chasing = undefined)))
  }

  async #chaseAnnounced(): Promise<void> {
    for (let pauseMs = 100; pauseMs <= 3200; pauseMs *= 2) {
      await this.pull()
      if (this.#isStopped || (this.#newest()?.revision ?? 0) >= this.#announced) return
      await sleep(pauseMs, undefined, { ref: false })
    }
  }

  /** The newest revision that is taken, in hand or waiting: nothing at or below it is of interest. */
  #newest(): ConfigVersion | undefined {
    return this.#next ?? this.#inHand ?? this.#taken
  }

  #offer(found: ConfigDocument): Promise<void> {
    if (this.#isStopped || !isNewer(found, this.#newest())) return this.#handing ?? Promise.resolve()
    this.#next = found
    return (this.#handing ??= this.#handOn().finally(() => (this.#handing = undefined)))
  }

  async #handOn(): Promise<void> {
    while (this.#next !== undefined) {
      const document = this.#next
      this.#next = undefined
      this.#inHand = { revision: document.revision, digest: document.digest }
      try {
        await this.#options.onDocument(document)
        this.#taken = this.#inHand
      } catch (error) {
        this.#report(error)
      }
      this.#inHand = undefined
    }
  }

  #report(error: unknown): void {
    if (!this.#isStopped) this.#options.onError?.(error)
  }

  #schedulePoll(): void {
    const pollMs = this.#options.pollMs ?? 10_000
    this.#timer = setTimeout(() => {
      void this.pull()
      this.#schedulePoll()
    }, pollMs * (0.8 + 0.4 * Math.random())).unref()
  }
}
