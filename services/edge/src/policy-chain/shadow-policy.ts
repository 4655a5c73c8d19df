/**
 * `shadow: true`: a policy that decides and changes nothing. It is called with a view of the exchange, which takes up whatever it
 * writes; its decision is noted on the exchange and the walk goes on. Policies in shadow behave among each other as they would
 * in force: who one of them says is calling is known to the next, and once one has decided the others are not asked.
 */
import { codeOf } from '@sluice/errors'
import { HeaderFields } from '@sluice/http'
import type { Exchange, Identity, LimitStatement, ResponseFacts } from '@sluice/policies/exchange'
import type { CacheRules, HookResult, Policy, PolicyParts } from '@sluice/policies/policy'

/** What policies in shadow have said of an exchange. */
export interface ShadowNotes {
  /** Who they say is calling, where nobody else does. */
  identity: Identity | undefined
  /** `NAME:CODE` of the refusal, `NAME:STATUS` of the answer, or `NAME:HIT` of what is kept, that the walk would have ended with. */
  decision: string | undefined
}

export interface ShadowedExchange extends Exchange {
  shadow: ShadowNotes | undefined
}

type View = { -readonly [Name in keyof Exchange]: Exchange[Name] }

export class ShadowPolicy implements Policy {
  readonly onRequestBody?: (exchange: Exchange, bytesSoFar: number, piece: Uint8Array) => undefined
  readonly onResponse?: (exchange: Exchange) => void
  readonly onResponseBody?: (exchange: Exchange, piece: Uint8Array) => void
  readonly onDone?: (exchange: Exchange) => void
  readonly cache?: CacheRules
  private readonly inner: Policy
  private readonly name: string
  private readonly logger: PolicyParts['logger']
  private readonly views = new WeakMap<Exchange, View>()

  /** Has the hooks that `inner` has, so that one without body hooks costs no piece anything. */
  constructor(inner: Policy, name: string, logger: PolicyParts['logger']) {
    this.inner = inner
    this.name = name
    this.logger = logger
    if (inner.onRequestBody !== undefined) this.onRequestBody = (exchange, bytesSoFar, piece) => this.body(exchange as ShadowedExchange, bytesSoFar, piece)
    if (inner.onResponse !== undefined) this.onResponse = (exchange) => this.response(exchange)
    if (inner.onResponseBody !== undefined) this.onResponseBody = (exchange, piece) => this.quietly(exchange, (view) => inner.onResponseBody!(view, piece))
    // In this worker's memory alone: a look into another store would hold the request up.
    if (inner.cache !== undefined) this.cache = { ...inner.cache, sharesStore: false, inShadow: name }
    if (inner.onDone !== undefined) this.onDone = (exchange) => this.quietly(exchange, (view) => inner.onDone!(view))
  }

  onRequest(exchange: Exchange): undefined | Promise<undefined> {
    const shadowed = exchange as ShadowedExchange
    if (shadowed.shadow?.decision !== undefined) return undefined
    const view = viewOf(shadowed)
    this.views.set(exchange, view)
    try {
      const result = this.inner.onRequest?.(view)
      if (!(result instanceof Promise)) return this.conclude(shadowed, view, result)
      return result.then((late) => this.conclude(shadowed, view, late), (error: unknown) => this.failed(shadowed, error))
    } catch (error) {
      return this.failed(shadowed, error)
    }
  }

  private body(exchange: ShadowedExchange, bytesSoFar: number, piece: Uint8Array): undefined {
    if (exchange.shadow?.decision !== undefined) return undefined
    return this.quietly(exchange, (view) => this.note(exchange, this.inner.onRequestBody!(view, bytesSoFar, piece)))
  }

  private response(exchange: Exchange): void {
    this.quietly(exchange, (view) => {
      view.response = copyOf(exchange.response)
      const pending = this.inner.onResponse!(view)
      if (pending instanceof Promise) pending.catch((error: unknown) => this.tell(error))
    })
  }

  /** Calls a hook that comes after the decision, for an exchange whose request the policy has seen. */
  private quietly(exchange: Exchange, call: (view: View) => void): undefined {
    const view = this.views.get(exchange)
    if (view === undefined) return undefined
    try {
      call(view)
    } catch (error) {
      this.tell(error)
    }
    return undefined
  }

  private conclude(exchange: ShadowedExchange, view: View, result: HookResult): undefined {
    for (const limit of view.limits) exchange.limits.push(inShadow(limit))
    if (view.identity !== exchange.identity) notesOf(exchange).identity = view.identity
    return this.note(exchange, result)
  }

  private note(exchange: ShadowedExchange, result: HookResult): undefined {
    if (result !== undefined) notesOf(exchange).decision = `${this.name}:${result.kind === 'refusal' ? result.code : result.status}`
    return undefined
  }

  private failed(exchange: ShadowedExchange, error: unknown): undefined {
    this.tell(error)
    notesOf(exchange).decision = `${this.name}:${codeOf(error)}`
    return undefined
  }

  private tell(error: unknown): void {
    this.logger.warn({ policy: this.name, err: error }, 'a policy in shadow failed')
  }
}

/** Reads what the exchange has, as it is when it is read; what is written stays here. */
function viewOf(exchange: ShadowedExchange): View {
  const request = Object.create(exchange.request) as { headers: HeaderFields }
  request.headers = new HeaderFields([...exchange.request.headers.flat])
  const view = Object.create(exchange) as View
  view.request = request as unknown as View['request']
  view.identity = exchange.identity ?? exchange.shadow?.identity
  view.limits = []
  view.responseFields = []
  // What is read ahead has to be found where it is sent on from.
  view.readBody = (maxBytes) => readSafely(exchange, maxBytes)
  return view
}

/** A body that turns out to be too long when it is read ahead is lost: one of unknown length is left alone. */
function readSafely(exchange: Exchange, maxBytes: number): Promise<Buffer | undefined> {
  const { declaredBytes } = exchange.request
  return declaredBytes !== undefined && declaredBytes <= maxBytes ? exchange.readBody(maxBytes) : Promise.resolve(undefined)
}

function copyOf(response: ResponseFacts | undefined): ResponseFacts | undefined {
  return response === undefined ? undefined : { status: response.status, headers: new HeaderFields([...response.headers.flat]) }
}

function notesOf(exchange: ShadowedExchange): ShadowNotes {
  return (exchange.shadow ??= { identity: undefined, decision: undefined })
}

function inShadow(limit: LimitStatement): LimitStatement {
  return { ...limit, outcome: limit.outcome === 'refused' ? 'would_refuse' : 'would_admit', isHidden: true }
}
