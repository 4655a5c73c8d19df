/**
 * One exchange's way through the cache (RFC 9111 §4): what is kept answers, or the upstream is asked and what it says is kept. Decides and tells
 * the walk; sends nothing itself.
 */
import type { ErrorCode } from '@sluice/errors'
import { type CacheControl, HeaderFields, parseCacheControl } from '@sluice/http'
import type { CacheRules } from '@sluice/policies/policy'
import type { CacheStore, StoredResponse } from '@sluice/cache-stores/cache-store'
import type { EdgeExchange } from '../exchange.ts'
import { BackgroundRefresh, type RefreshedWalk, type RefreshParts } from './background-refresh.ts'
import { cacheKey, cacheUrl, ownKeyOf, sharedKeyOf } from './cache-key.ts'
import type { CacheNote, CacheStatus } from './cache-note.ts'
import { Filling, type Question } from './filling.ts'
import type { FillOutcome, Waiter } from './fills.ts'
import { isUnsafe, urlsOvertaken } from './overtaken-urls.ts'
import type { ResponseCache } from './response-cache.ts'
import type { ArrivedHead } from './storable.ts'
import { answerFrom, type StoredAnswer } from './stored-answer.ts'
import { usableAs } from './usable.ts'

/** The exchange's walk, as its turn at the cache moves it on. */
export interface TurnedWalk extends RefreshedWalk {
  /** Ends the walk with what is kept. */
  answerStored(answer: StoredAnswer): void
  /** Ends it with an error of the catalogue. */
  refuse(code: ErrorCode): void
  /** On to the upstream. */
  goOn(): void
  /** Nothing more of the attempt is wanted: the client does not get its response. */
  abandonAttempt(): void
  /** Nothing more of it will come. */
  endAttempt(): void
  fail(error: unknown): void
}

const nothingAsked: Partial<CacheControl> = {}

/** Statuses that count as an error for stale-if-error (RFC 5861 §4). */
const errorStatuses: ReadonlySet<number> = new Set([500, 502, 503, 504])

/** Fills under way in one worker, beyond which nothing is asked for in the background. */
const maxRefreshes = 1000

export class CacheTurn implements Waiter {
  /** Whether the client has been given what is kept. */
  hasAnswered = false
  waitsUntil = 0
  place: Set<Waiter> | undefined = undefined
  readonly #cache: ResponseCache
  readonly #refreshes: RefreshParts
  readonly #walk: TurnedWalk
  readonly #exchange: EdgeExchange
  readonly #rules: CacheRules
  readonly #note: CacheNote = { status: 'BYPASS', detail: 'fwd=bypass' }
  #url = ''
  #sharedKey = ''
  #ownKey = ''
  /** What the client asks of caches. */
  #control: Partial<CacheControl> = nothingAsked
  /** As the client sent them, once they were replaced for the upstream. */
  #clientFields: HeaderFields | undefined
  #found: StoredResponse | undefined
  #filling: Filling | undefined
  #waitedSince = 0
  /** Of a fill that has not begun to ask. */
  #heldKey: string | undefined

  constructor(cache: ResponseCache, refreshes: RefreshParts, walk: TurnedWalk, rules: CacheRules) {
    this.#cache = cache
    this.#refreshes = refreshes
    this.#walk = walk
    this.#exchange = walk.exchange
    this.#rules = rules
    if (rules.inShadow === undefined) this.#exchange.cache = this.#note
  }

  /** Answers, waits, or sends the walk on. */
  begin(): void {
    const { request, clientSide, identity } = this.#exchange
    this.#url = cacheUrl(this.#exchange, this.#rules)
    if (request.method !== 'GET' && request.method !== 'HEAD') return this.#pass('BYPASS', 'fwd=method')
    if (request.declaredBytes !== 0 || clientSide.upgrade !== undefined || request.headers.has('if-match') || request.headers.has('if-unmodified-since')) return this.#pass('BYPASS', 'fwd=bypass')
    const key = cacheKey(this.#exchange, this.#rules, this.#url)
    this.#sharedKey = sharedKeyOf(key)
    this.#ownKey = ownKeyOf(key, identity)
    if (request.headers.has('cache-control')) this.#control = parseCacheControl(request.headers.getAll('cache-control'))
    if (this.#rules.inShadow === undefined) this.#decide(true)
    else this.#watch(this.#rules.inShadow)
  }

  onFill(outcome: FillOutcome): void {
    const { clock } = this.#cache
    // To the request it is time spent on the upstream, if another one's.
    this.#exchange.upstreamMs += clock.monotonic() - this.#waitedSince
    try {
      if (outcome === 'failed' && this.#answerOnError()) return
      // What is kept may be for others; who waits for that waits no longer in all.
      this.#decide(outcome === 'failed' || outcome === 'stored')
    } catch (error) {
      this.#walk.fail(error)
    }
  }

  /** The upstream's answer. True: the client gets what is kept instead. */
  takesHead(head: ArrivedHead): boolean {
    const { status, headers } = head
    if (this.#filling === undefined) {
      if (status < 400 && isUnsafe(this.#exchange.request.method)) this.#cache.invalidate(urlsOvertaken(this.#url, headers))
      return false
    }
    if (errorStatuses.has(status) && this.#isUsableOnError()) {
      this.#walk.abandonAttempt()
      this.#filling.fail()
      this.#answer('STALE', this.#found!)
      return true
    }
    // In shadow it goes on to the client as it came.
    const verdict = this.#filling.onHead(this.#rules.inShadow === undefined ? head : { ...head, headers: new HeaderFields([...headers.flat]) })
    if (verdict === 'kept') this.#note.detail += '; stored'
    if (verdict !== 'confirmed') return false
    this.#walk.endAttempt()
    this.#note.detail += '; fwd-status=304'
    this.#answer('REVALIDATED', this.#filling.confirmed!)
    return true
  }

  /** A piece of the body that the client is sent. */
  take(piece: Uint8Array): void {
    if (!this.hasAnswered) this.#filling?.take(piece)
  }

  /** The upstream's response has ended whole. False: it was not what the client got. */
  complete(): boolean {
    if (this.hasAnswered) return false
    this.#filling?.complete()
    return true
  }

  /** The exchange is over. */
  end(): void {
    this.#cache.fills.leave(this)
    if (this.#heldKey !== undefined) this.#cache.fills.end(this.#heldKey, 'failed')
    this.#filling?.fail()
  }

  /** Whether what is kept is sent in place of this error. */
  answersFor(code: ErrorCode): boolean {
    return code.startsWith('upstream.') && this.#answerOnError()
  }

  /** The circuit is open. `isFallback`: whatever is kept is better than nothing, as far as its origin lets it be used. */
  answersForCircuit(isFallback: boolean): boolean {
    const found = this.#found
    if (found === undefined || !isFallback || found.mustRevalidate || !this.#isTrusted(found)) return this.#answerOnError()
    this.#answer('STALE', found)
    return true
  }

  #answerOnError(): boolean {
    if (this.hasAnswered || !this.#isUsableOnError()) return false
    this.#filling?.fail()
    this.#answer('STALE', this.#found!)
    return true
  }

  #decide(mayWait: boolean): void {
    const { fills, clock } = this.#cache
    const { request } = this.#exchange
    const now = clock.now()
    const found = (this.#found = this.#find())
    const usable = this.#usableAs(found, now)
    if (usable !== undefined) {
      if (usable === 'STALE' && this.#control.onlyIfCached !== true) this.#refresh(found!)
      return this.#answer(usable, found!)
    }
    // Whatever is asked for each time anew would make them wait for each other in vain.
    const isEachAnew = found !== undefined && found.freshUntilMs <= found.receivedAtMs
    if (request.method === 'HEAD' || request.headers.has('range') || isEachAnew || !mayWait || this.#control.noStore === true || this.#control.onlyIfCached === true) return this.#lookFurther(undefined)
    const key = found?.isShared === true ? this.#sharedKey : this.#ownKey
    const fillKey = this.#cache.fillKeyOf(key, request.headers)
    const place = fills.enter(fillKey, this)
    if (place === 'wait') this.#waitedSince = clock.monotonic()
    else this.#lookFurther(place === 'fill' ? fillKey : undefined)
  }

  /** In the store that all edges share, where the route has one and it answers; whoever fills does so for those that wait. */
  #lookFurther(fillKey: string | undefined): void {
    const store = this.#cache.sharedStore(this.#rules)
    if (store?.healthy !== true) return this.#ask(fillKey)
    this.#heldKey = fillKey
    this.#fetch(store).catch((error: unknown) => this.#walk.fail(error))
  }

  async #fetch(store: CacheStore): Promise<void> {
    const { headers } = this.#exchange.request
    await Promise.all([this.#cache.fetch(store, this.#sharedKey, headers), this.#cache.fetch(store, this.#ownKey, headers)])
    if (this.#exchange.isOver) return
    const fillKey = this.#heldKey
    this.#heldKey = undefined
    const found = (this.#found = this.#find())
    if (this.#usableAs(found, this.#cache.clock.now()) !== 'HIT') return this.#ask(fillKey)
    if (fillKey !== undefined) this.#cache.fills.end(fillKey, 'stored')
    this.#answer('HIT', found!)
  }

  /** What is for all or for this caller, whichever lasts longer. */
  #find(): StoredResponse | undefined {
    const { headers } = this.#exchange.request
    const shared = this.#cache.find(this.#sharedKey, headers)
    const own = this.#cache.find(this.#ownKey, headers)
    return shared === undefined || (own !== undefined && own.freshUntilMs > shared.freshUntilMs) ? own : shared
  }

  #ask(fillKey: string | undefined): void {
    const { request } = this.#exchange
    if (this.#control.onlyIfCached === true) return this.#refuse()
    const question = this.#question(this.#mayKeep, this.#found)
    this.#filling = new Filling(this.#cache, question, fillKey)
    this.#clientFields = question.fields
    this.#filling.makeConditional(request.headers)
    this.#pass(...this.#whyAsked())
  }

  /** RFC 9111 §5.2.1.7: nothing is kept for a request that wants nobody asked. */
  #refuse(): void {
    this.hasAnswered = true
    this.#note.status = this.#whyAsked()[0]
    this.#note.detail = 'detail=only-if-cached'
    this.#walk.refuse('client.not_cached')
  }

  /** In shadow: keeps what it would keep and records what it would answer; the upstream is asked as if it were not there. */
  #watch(name: string): void {
    const { shadow } = this.#exchange
    // In force the walk would not have come here.
    if (shadow?.decision !== undefined) return this.#walk.goOn()
    const found = this.#find()
    const decision = this.#usableAs(found, this.#cache.clock.now()) ?? (this.#control.onlyIfCached === true ? 'client.not_cached' : undefined)
    if (decision !== undefined) this.#exchange.shadow = { identity: shadow?.identity, decision: `${name}:${decision}` }
    if (decision !== 'HIT') this.#filling = new Filling(this.#cache, this.#question(this.#mayKeep, found), undefined)
    this.#walk.goOn()
  }

  get #mayKeep(): boolean {
    return this.#exchange.request.method === 'GET' && this.#control.noStore !== true
  }

  #question(mayKeep: boolean, stale: StoredResponse | undefined): Question {
    const { request, identity } = this.#exchange
    return {
      rules: this.#rules,
      asked: { isIdentified: identity !== undefined, isAuthorized: request.headers.has('authorization') },
      url: this.#url,
      tags: this.#rules.tagsOf(this.#exchange),
      sharedKey: this.#sharedKey,
      ownKey: this.#ownKey,
      fields: new HeaderFields([...request.headers.flat]),
      mayKeep,
      stale,
    }
  }

  #whyAsked(): [CacheStatus, string] {
    if (this.#found === undefined) return ['MISS', 'fwd=uri-miss']
    return this.#isTrusted(this.#found) && this.#found.freshUntilMs > this.#cache.clock.now() ? ['BYPASS', 'fwd=request'] : ['EXPIRED', 'fwd=stale']
  }

  #pass(status: CacheStatus, detail: string): void {
    this.#note.status = status
    this.#note.detail = detail
    this.#walk.goOn()
  }

  #answer(status: CacheStatus, stored: StoredResponse): void {
    const now = this.#cache.clock.now()
    this.hasAnswered = true
    this.#note.status = status
    if (status !== 'REVALIDATED') this.#note.detail = `hit; ttl=${Math.round((stored.freshUntilMs - now) / 1000)}`
    const { method, headers } = this.#exchange.request
    this.#walk.answerStored(answerFrom(stored, { method, headers: this.#clientFields ?? headers }, now))
  }

  #refresh(stored: StoredResponse): void {
    const { fills } = this.#cache
    const key = this.#cache.fillKeyOf(stored.isShared ? this.#sharedKey : this.#ownKey, this.#exchange.request.headers)
    if (this.#exchange.request.method !== 'GET' || fills.running >= maxRefreshes || !fills.begin(key)) return
    const filling = new Filling(this.#cache, this.#question(true, stored), key)
    new BackgroundRefresh(this.#refreshes, this.#exchange, filling).start(this.#walk)
  }

  #isTrusted(stored: StoredResponse): boolean {
    return this.#cache.isTrusted(stored, this.#cache.clock.now())
  }

  #usableAs(found: StoredResponse | undefined, now: number): 'HIT' | 'STALE' | undefined {
    return found !== undefined && this.#isTrusted(found) ? usableAs(found, this.#control, now) : undefined
  }

  #isUsableOnError(): boolean {
    const found = this.#found
    return found !== undefined && !found.mustRevalidate && this.#isTrusted(found) && this.#cache.clock.now() < found.freshUntilMs + found.staleIfErrorMs
  }
}
