import type { Bus } from '@sluice/buses/bus'
import { announce } from '@sluice/buses/rpc'
import { SluiceError } from '@sluice/errors'
import { CircuitOrderSchema, type CircuitOrder } from '@sluice/proto/messages/discovery'
import { subjects } from '@sluice/proto/subjects'
import type { HeldCircuit } from '../endpoints/tracked-upstream.ts'
import type { UpstreamSet } from '../endpoints/upstream-set.ts'
import type { EdgeFinding, EdgeFindings } from '../health/edge-findings.ts'

interface Parts {
  readonly bus: Bus
  readonly scope: string
  readonly upstreams: UpstreamSet
  readonly findings: EdgeFindings
}

export interface CircuitSummary {
  readonly upstream: string
  readonly state: 'closed' | 'half-open' | 'open'
  readonly held: HeldCircuit
  readonly edges: EdgeFinding[]
}

/** Circuits: what the edges have found, and how people hold them. */
export class CircuitHandlers {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Upstreams with a circuit breaker, a held circuit, or endpoints that an edge leaves out; the worst of the edges counts. */
  list(): { circuits: CircuitSummary[] } {
    const { upstreams, findings } = this.#parts
    const found = findings.all()
    const held = new Map(upstreams.circuits().map((circuit) => [circuit.upstream, circuit.held]))
    const names = [...held.keys(), ...[...found.keys()].filter((name) => !held.has(name) && upstreams.has(name))]
    return { circuits: names.sort().map((upstream) => summaryOf(upstream, held.get(upstream) ?? '', found.get(upstream) ?? [])) }
  }

  /** Throws `client.bad_request` for a state that there is none. */
  hold(order: CircuitOrder): { known: boolean } {
    const { bus, scope, upstreams } = this.#parts
    if (!isHeld(order.held)) throw new SluiceError('client.bad_request', { detail: 'A circuit is held "open" or "closed", or not at all' })
    const known = upstreams.hold(order.upstream, order.held)
    if (known) announce(bus, subjects.circuitHeld(scope), CircuitOrderSchema, { scope, upstream: order.upstream, held: order.held })
    return { known }
  }

  /** What another instance of discovery was told. */
  hear({ upstream, held }: CircuitOrder): void {
    if (isHeld(held)) this.#parts.upstreams.hold(upstream, held)
  }
}

function isHeld(text: string): text is HeldCircuit {
  return text === '' || text === 'open' || text === 'closed'
}

function summaryOf(upstream: string, held: HeldCircuit, edges: EdgeFinding[]): CircuitSummary {
  const states = edges.map(({ state }) => state)
  const worst = states.includes('open') ? 'open' : states.includes('half-open') ? 'half-open' : 'closed'
  return { upstream, state: held === '' ? worst : held, held, edges }
}
