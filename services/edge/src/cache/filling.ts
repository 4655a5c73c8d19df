/** One question to an upstream whose answer may be kept: a request's own, or one made in the background. */
import type { StoredResponse } from '@sluice/cache-stores/cache-store'
import { HeaderFields, updatedFields } from '@sluice/http'
import type { CacheRules } from '@sluice/policies/policy'
import { GatheredBody } from './gathered-body.ts'
import type { FillOutcome } from './fills.ts'
import type { Marks, ResponseCache } from './response-cache.ts'
import { type ArrivedHead, type AskedBy, storableResponse, type StorableResponse } from './storable.ts'

/** What is asked, by whom, and under which names the answer is kept. */
export interface Question {
  readonly rules: CacheRules
  readonly asked: AskedBy
  readonly url: string
  readonly tags: readonly string[]
  /** For everybody, and for this caller alone. */
  readonly sharedKey: string
  readonly ownKey: string
  /** As they go upstream; what `Vary` names is looked up here. */
  readonly fields: HeaderFields
  /** Whether an answer may be kept at all. */
  readonly mayKeep: boolean
  /** What is kept, to be confirmed or replaced. */
  readonly stale: StoredResponse | undefined
}

/** `kept`: it is being gathered. `confirmed`: what is kept is good again. */
export type HeadVerdict = 'kept' | 'passed' | 'confirmed'

const conditional = ['if-none-match', 'if-modified-since', 'if-range', 'range'] as const

export class Filling {
  /** Once confirmed. */
  confirmed: StoredResponse | undefined
  readonly #cache: ResponseCache
  readonly #question: Question
  /** The key that others wait under. */
  readonly #fillKey: string | undefined
  readonly #marks: Marks
  readonly #requestedAtMs: number
  #isConfirming = false
  #storable: StorableResponse | undefined
  #tags: readonly string[] = []
  #body: GatheredBody | undefined
  #isOver = false

  constructor(cache: ResponseCache, question: Question, fillKey: string | undefined) {
    this.#cache = cache
    this.#question = question
    this.#fillKey = fillKey
    this.#marks = cache.marks(question.rules)
    this.#requestedAtMs = cache.clock.now()
  }

  /** Asks whether what is kept still holds, in place of the client's own conditions (RFC 9111 §4.3.1). False: it has nothing to be told by. */
  makeConditional(headers: HeaderFields): boolean {
    const { stale, mayKeep } = this.#question
    if (stale === undefined || !mayKeep) return false
    const kept = new HeaderFields([...stale.fields])
    const [tag, modified] = [kept.get('etag'), kept.get('last-modified')]
    if (tag === undefined && modified === undefined) return false
    for (const name of conditional) headers.remove(name)
    if (tag !== undefined) headers.set('If-None-Match', tag)
    if (modified !== undefined) headers.set('If-Modified-Since', modified)
    return (this.#isConfirming = true)
  }

  onHead(head: ArrivedHead): HeadVerdict {
    const { status, headers, declaredBytes } = head
    const tags = takeTags(headers)
    if (status === 304 && this.#isConfirming) return this.#confirm(head)
    const { mayKeep, rules, asked } = this.#question
    // A body that ends with its connection may have been cut off.
    const isMarked = declaredBytes >= 0 || head.isChunked
    if (mayKeep && isMarked) this.#storable = storableResponse(asked, head, rules, this.#times())
    this.#tags = [...this.#question.tags, ...tags]
    this.#body = this.#storable === undefined ? undefined : GatheredBody.open(this.#cache, rules.maxObjectBytes, declaredBytes)
    if (this.#body !== undefined) return 'kept'
    // A client's own condition was met, or the upstream has failed: the next one may fare better.
    this.#end(status === 304 || status >= 500 ? 'failed' : 'uncacheable')
    if (contradicts(status)) this.#forgetStale()
    return 'passed'
  }

  take(piece: Uint8Array): void {
    if (this.#body === undefined || this.#body.take(piece)) return
    this.#body = undefined
    this.#forgetStale()
    this.#end('uncacheable')
  }

  complete(): void {
    const body = this.#body?.complete()
    this.#body = undefined
    if (body === undefined) return this.#end('failed')
    this.#keep(this.#storable!, body, this.#tags)
    this.#end('stored')
  }

  /** It came to nothing, or to no end. Does nothing once it has ended. */
  fail(): void {
    this.#body?.abandon()
    this.#body = undefined
    this.#end('failed')
  }

  #confirm({ headers, setsCookies }: ArrivedHead): HeadVerdict {
    const { stale, asked, rules } = this.#question
    const times = this.#times()
    // Its age counts from this confirmation, also when that has no Date.
    if (!headers.has('date')) headers.set('Date', new Date(times.receivedAtMs).toUTCString())
    const fields = updatedFields(stale!.fields, headers.flat)
    const storable = storableResponse(asked, { status: stale!.status, headers: new HeaderFields([...fields]), setsCookies }, rules, times)
    this.confirmed = storable === undefined ? this.#lastUse(fields, times.receivedAtMs) : this.#keep(storable, stale!.body, stale!.tags)
    this.#end(storable === undefined ? 'uncacheable' : 'stored')
    return 'confirmed'
  }

  /** Good for this answer, and not to be kept any more. */
  #lastUse(flat: string[], receivedAtMs: number): StoredResponse {
    this.#forgetStale()
    const fields = new HeaderFields(flat)
    for (const name of ['age', 'set-cookie']) fields.remove(name)
    return { ...this.#question.stale!, fields: fields.flat, receivedAtMs, initialAgeMs: 0, freshUntilMs: receivedAtMs }
  }

  #keep({ variesBy, ...storable }: StorableResponse, body: Buffer, tags: readonly string[]): StoredResponse {
    const { url, sharedKey, ownKey, fields, stale } = this.#question
    const response: StoredResponse = { ...storable, body, url, tags }
    if (stale !== undefined && stale.isShared !== response.isShared) this.#forgetStale()
    this.#cache.keep(response.isShared ? sharedKey : ownKey, variesBy, fields, response, this.#marks)
    return response
  }

  #forgetStale(): void {
    const { stale, sharedKey, ownKey, fields } = this.#question
    if (stale !== undefined) this.#cache.forget(stale.isShared ? sharedKey : ownKey, fields)
  }

  #end(outcome: Exclude<FillOutcome, 'late'>): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#fillKey !== undefined) this.#cache.fills.end(this.#fillKey, outcome)
  }

  #times() {
    return { requestedAtMs: this.#requestedAtMs, receivedAtMs: this.#cache.clock.now() }
  }
}

/** Whether what is kept is not what stands there now; a refusal of this caller says nothing of it. */
function contradicts(status: number): boolean {
  return (status >= 200 && status < 400 && status !== 206 && status !== 304) || status === 404 || status === 410
}

/** Names a response is purged by, told in a field that is for caches alone; at most 32 of up to 128 characters. */
function takeTags(headers: HeaderFields): string[] {
  if (!headers.has('cache-tag')) return nothing
  const tags = headers.getAll('cache-tag').flatMap((value) => value.split(',')).map((tag) => tag.trim())
  headers.remove('cache-tag')
  return tags.filter((tag) => tag !== '' && tag.length <= 128).slice(0, 32)
}

const nothing: string[] = []
