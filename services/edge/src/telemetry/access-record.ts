/**
 * The access record of an exchange: one line of JSON, fields and order as the interface fixes them, null where a field
 * does not apply. A line is put together from as few pieces as possible, because each one costs: what recurs (the second,
 * the method, a client, a consumer, a route with its endpoint) is kept as a finished piece. About 1 µs a line; `JSON.stringify` takes 3.
 */
import type { FinishedExchange } from './finished-exchange.ts'
import { arePlain, durationText, integerText, jsonText, quoteOrNull } from './json-text.ts'

/** Kept pieces for routes and endpoints, and as many for other texts; beyond it they are made anew. */
const maxPlaces = 10_000
/** Of a text that is kept in quotes. */
const maxKeptLength = 256

interface RoutePieces {
  readonly template: string
  /** From the end of the path to the status. */
  readonly beforeStatus: string
  readonly endpoints: Map<string | undefined, EndpointPieces>
}

interface EndpointPieces {
  readonly upstream: string | undefined
  readonly text: string
}

const milliseconds = Array.from({ length: 1000 }, (_, ms) => flat(`.${String(ms).padStart(3, '0')}Z","method":`))
const noTrace = '","traceId":null,"consumer":'
const allNull = '"cache":null,"limit":null,"reason":null}\n'

export class AccessRecords {
  #places = 0
  /** Texts that come again and again: methods, clients, consumers, outcomes. */
  readonly #quotedTexts = new Map<string, string>()
  readonly #routes = new Map<string | undefined, RoutePieces>()
  /** Exchanges begin within a few seconds of each other. */
  readonly #seconds = new Float64Array(8).fill(-1)
  readonly #secondTexts = Array.from({ length: 8 }, () => '')

  /** The line with its `\n`; pure ASCII. */
  line(exchange: FinishedExchange): string {
    const route = this.#route(exchange)
    const isPlain = arePlain(exchange.path, exchange.requestId)
    const path = isPlain ? exchange.path : jsonText(exchange.path)
    const requestId = isPlain ? exchange.requestId : jsonText(exchange.requestId)
    const upstreamMs = exchange.upstreamMs === undefined ? 'null' : durationText(exchange.upstreamMs)
    return (
      this.#start(exchange.startedAtMs) + this.#quoted(exchange.method) + ',"path":"' + path +
      route.beforeStatus + integerText(exchange.status) + ',"bytesIn":' + integerText(exchange.bytesIn) + ',"bytesOut":' + integerText(exchange.bytesOut) +
      ',"totalMs":' + durationText(exchange.totalMs) + ',"gatewayMs":' + durationText(exchange.gatewayMs) + ',"upstreamMs":' + upstreamMs +
      ',"client":' + this.#quoted(exchange.client) + ',"requestId":"' + requestId +
      (exchange.traceId === undefined ? noTrace : '","traceId":"' + exchange.traceId + '","consumer":') + this.#quoted(exchange.consumer) +
      ',"credential":' + this.#quoted(exchange.credential) + this.#endpoint(route, exchange) + this.#ending(exchange)
    )
  }

  /** RFC 3339 with ms, in UTC. */
  #start(atMs: number): string {
    const whole = Math.floor(atMs)
    const second = Math.floor(whole / 1000)
    const slot = second & 7
    if (this.#seconds[slot] !== second) {
      this.#secondTexts[slot] = flat(`{"time":"${new Date(second * 1000).toISOString().slice(0, 19)}`)
      this.#seconds[slot] = second
    }
    return this.#secondTexts[slot]! + milliseconds[whole - second * 1000]!
  }

  #route({ route, template }: FinishedExchange): RoutePieces {
    const known = this.#routes.get(route)
    if (known !== undefined && known.template === template) return known
    const beforeStatus = flat(`","template":${template === '' ? 'null' : quoteOrNull(template)},"status":`)
    const pieces = { template, beforeStatus, endpoints: new Map<string | undefined, EndpointPieces>() }
    this.#makeRoom()
    this.#routes.set(route, pieces)
    return pieces
  }

  #endpoint({ endpoints }: RoutePieces, { route, upstream, endpoint }: FinishedExchange): string {
    const known = endpoints.get(endpoint)
    if (known !== undefined && known.upstream === upstream) return known.text
    const text = flat(`,"route":${quoteOrNull(route)},"upstream":${quoteOrNull(upstream)},"endpoint":${quoteOrNull(endpoint)},`)
    this.#makeRoom()
    endpoints.set(endpoint, { upstream, text })
    return text
  }

  #ending({ cache, limit, reason, shadow }: FinishedExchange): string {
    if (cache === undefined && limit === undefined && reason === undefined && shadow === undefined) return allNull
    const inShadow = shadow === undefined ? '' : `,"shadow":${quoteOrNull(shadow)}`
    return '"cache":' + this.#quoted(cache) + ',"limit":' + this.#quoted(limit) + ',"reason":' + this.#quoted(reason) + inShadow + '}\n'
  }

  #quoted(value: string | undefined): string {
    return value === undefined ? 'null' : (this.#quotedTexts.get(value) ?? this.#keepQuoted(value))
  }

  #keepQuoted(value: string): string {
    const quoted = quoteOrNull(value)
    // What had to be escaped is rare; of the rest the copy is kept, not the request that it may be a piece of.
    if (value.length > maxKeptLength || quoted.length !== value.length + 2) return quoted
    const text = flat(quoted)
    if (this.#quotedTexts.size >= maxPlaces) this.#quotedTexts.clear()
    this.#quotedTexts.set(flat(value), text)
    return text
  }

  #makeRoom(): void {
    if (++this.#places <= maxPlaces) return
    this.#routes.clear()
    this.#places = 0
  }
}

/** A concatenation that will be used often as one piece of memory: V8 would walk its parts again with every line. */
function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
