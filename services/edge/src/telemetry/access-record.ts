/**
 * The access record of an exchange: one line of JSON, fields and order as the interface fixes them, null where a field
 * does not apply. A line is put together from as few pieces as possible, because each one costs: what recurs (the second,
 * the method, a route with its endpoint) is kept as a finished piece. About 1 µs a line; `JSON.stringify` takes 3.
 */
import type { FinishedExchange } from './finished-exchange.ts'
import { durationText, jsonText, quoteOrNull } from './json-text.ts'

/** Kept pieces for routes and endpoints; beyond it they are made anew. */
const maxPlaces = 10_000

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

const milliseconds = Array.from({ length: 1000 }, (_, ms) => flat(`.${String(ms).padStart(3, '0')}Z","method":"`))
const allNull = '"cache":null,"limit":null,"reason":null}\n'

export class AccessRecords {
  #places = 0
  readonly #routes = new Map<string | undefined, RoutePieces>()
  /** Exchanges begin within a few seconds of each other. */
  readonly #seconds = new Float64Array(8).fill(-1)
  readonly #secondTexts = Array.from({ length: 8 }, () => '')

  /** The line with its `\n`; pure ASCII. */
  line(exchange: FinishedExchange): string {
    const route = this.#route(exchange)
    const upstreamMs = exchange.upstreamMs === undefined ? 'null' : durationText(exchange.upstreamMs)
    return (
      this.#start(exchange.startedAtMs) + jsonText(exchange.method) + '","path":"' + jsonText(exchange.path) +
      route.beforeStatus + exchange.status + ',"bytesIn":' + exchange.bytesIn + ',"bytesOut":' + exchange.bytesOut +
      ',"totalMs":' + durationText(exchange.totalMs) + ',"gatewayMs":' + durationText(exchange.gatewayMs) + ',"upstreamMs":' + upstreamMs +
      ',"client":"' + jsonText(exchange.client) + '","requestId":"' + jsonText(exchange.requestId) +
      '","traceId":' + quoteOrNull(exchange.traceId) + ',"consumer":' + quoteOrNull(exchange.consumer) +
      ',"credential":' + quoteOrNull(exchange.credential) + this.#endpoint(route, exchange) + ending(exchange)
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

  #makeRoom(): void {
    if (++this.#places <= maxPlaces) return
    this.#routes.clear()
    this.#places = 0
  }
}

function ending({ cache, limit, reason, shadow }: FinishedExchange): string {
  if (cache === undefined && limit === undefined && reason === undefined && shadow === undefined) return allNull
  const inShadow = shadow === undefined ? '' : `,"shadow":${quoteOrNull(shadow)}`
  return `"cache":${quoteOrNull(cache)},"limit":${quoteOrNull(limit)},"reason":${quoteOrNull(reason)}${inShadow}}\n`
}

/** A concatenation that will be used often as one piece of memory: V8 would walk its parts again with every line. */
function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
