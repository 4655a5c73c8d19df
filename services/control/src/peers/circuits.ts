/** Circuits as the edges have told discovery, and the hand on them. */
import type { Bus } from '@sluice/buses/bus'
import { CircuitOrderReplySchema, CircuitOrderSchema, CircuitsReplySchema, CircuitsRequestSchema } from '@sluice/proto/messages/discovery'
import { subjects } from '@sluice/proto/subjects'
import { callPeer, peers } from './peer-call.ts'

/** Every call throws `dependency.discovery_unreachable` when discovery is away. */
export class Circuits {
  readonly #bus: Bus
  readonly #scope: string

  constructor(bus: Bus, scope: string) {
    this.#bus = bus
    this.#scope = scope
  }

  /** Of upstreams that have a circuit breaker, are held, or have endpoints that some edge leaves out; in the order of names. */
  async list(): Promise<({ readonly name: string } & Record<string, unknown>)[]> {
    const types = { request: CircuitsRequestSchema, reply: CircuitsReplySchema }
    const { circuits } = await callPeer(this.#bus, peers.discovery, subjects.circuits(this.#scope), types, { scope: this.#scope })
    return circuits.map(({ upstream, state, held, edges }) => ({
      name: upstream,
      state,
      held: held === '' ? null : held,
      edges: edges.map(({ edge, zone, state: there, workersOpen, workersHalfOpen, leftOut }) => ({ edge, zone, state: there, workersOpen, workersHalfOpen, leftOut })),
    }))
  }

  /** Holds the circuit of an upstream open or closed on every edge, or no longer; false when there is no such upstream. */
  async hold(upstream: string, held: 'open' | 'closed' | undefined): Promise<boolean> {
    const types = { request: CircuitOrderSchema, reply: CircuitOrderReplySchema }
    const { known } = await callPeer(this.#bus, peers.discovery, subjects.circuitOrder(this.#scope), types, { scope: this.#scope, upstream, held: held ?? '' })
    return known
  }
}
