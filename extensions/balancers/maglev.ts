/**
 * Maglev hashing (Eisenbud et al., NSDI 2016, §3.4): a table of 65,537 places that the endpoints fill in turns, each by
 * its own permutation, weights by how often it comes to its turn. Every worker of every edge makes the same table of
 * the same endpoints, shares differ by under 1 % with a hundred of them, and one that joins or leaves moves little
 * more than its own share. Health is not in the table: a key whose endpoint is out tries further places, so that it
 * alone moves and comes back. The size is fixed, for another size would move every key.
 */
import type { EndpointState, PriorityGroup, UpstreamEndpoints } from './balancer.ts'
import { isAdmitted, type Candidates } from './eligible.ts'
import { hashText, mixHash } from './hash-text.ts'

export const maglevSize = 65_537
const empty = 0xffff
const skipSeed = 0x5bd1e995
const probeStep = 0x9e3779b9
/** An endpoint's number has to fit beside `empty` in sixteen bits; further ones, should there ever be any, take nothing. */
const maxEndpoints = 0xffff
/** Turns of all endpoints together, so that weights that are far apart cost no more time than even ones. */
const maxTurns = 500_000
/** Places that a key tries before the walk that always finds one. */
const probes = 20

class MaglevTable {
  private readonly endpoints: readonly EndpointState[]
  private readonly weights: readonly number[]
  private readonly places: Uint16Array

  constructor(endpoints: readonly EndpointState[]) {
    this.endpoints = endpoints
    this.weights = endpoints.map(({ weight }) => weight)
    this.places = fillPlaces(endpoints)
  }

  isOf(endpoints: readonly EndpointState[]): boolean {
    return endpoints.length === this.endpoints.length && endpoints.every((endpoint, index) => endpoint === this.endpoints[index] && endpoint.weight === this.weights[index])
  }

  find(hash: number, { admission }: Candidates, nowMs: number, excluded: ReadonlySet<string> | undefined): EndpointState | undefined {
    const { endpoints, places } = this
    let place = hash
    for (let probe = 0; probe < probes; probe++) {
      const endpoint = endpoints[places[place % maglevSize]!]!
      if (isAdmitted(endpoint, admission, nowMs, excluded)) return endpoint
      place = mixHash(place + probeStep)
    }
    for (let step = 0; step < endpoints.length; step++) {
      const endpoint = endpoints[(hash + step) % endpoints.length]!
      if (isAdmitted(endpoint, admission, nowMs, excluded)) return endpoint
    }
    return undefined
  }
}

/** The tables of one upstream, one for each priority and each part of it by zone, made anew only when who is in them or their weights change. */
export class MaglevTables {
  private state: UpstreamEndpoints | undefined
  private byGroup: ReadonlyMap<string, MaglevTable> = new Map()
  private readonly keys = new WeakMap<PriorityGroup, string>()

  find(hash: number, state: UpstreamEndpoints, candidates: Candidates, nowMs: number, excluded: ReadonlySet<string> | undefined): EndpointState | undefined {
    if (state !== this.state) this.follow(state)
    return this.byGroup.get(this.keys.get(candidates.group!)!)!.find(hash, candidates, nowMs, excluded)
  }

  private follow(state: UpstreamEndpoints): void {
    const known = this.byGroup
    const groups = state.groups.flatMap((group) => [group, ...(group.zones === undefined ? [] : [group.zones.local, group.zones.others])])
    for (const group of groups) this.keys.set(group, keyOf(group, state))
    this.byGroup = new Map(groups.filter((group) => group.usable > 0).map((group) => [this.keys.get(group)!, tableOf(group, known.get(this.keys.get(group)!))]))
    this.state = state
  }
}

/** The same for a group and the one that takes its place when the endpoints change. */
function keyOf(group: PriorityGroup, { groups }: UpstreamEndpoints): string {
  const whole = groups.find(({ priority }) => priority === group.priority)
  return `${group.priority} ${group === whole?.zones?.local ? 'local' : group === whole?.zones?.others ? 'others' : ''}`
}

function tableOf(group: PriorityGroup, known: MaglevTable | undefined): MaglevTable {
  const usable = group.endpoints.filter(({ weight, health }) => weight > 0 && health !== 'draining').slice(0, maxEndpoints)
  return known !== undefined && known.isOf(usable) ? known : new MaglevTable(usable)
}

function fillPlaces(endpoints: readonly EndpointState[]): Uint16Array {
  const places = new Uint16Array(maglevSize).fill(empty)
  const next = Uint32Array.from(endpoints, ({ id }) => hashText(id) % maglevSize)
  const skips = Uint32Array.from(endpoints, ({ id }) => (hashText(id, skipSeed) % (maglevSize - 1)) + 1)
  const gains = gainsOf(endpoints)
  const due = new Float64Array(endpoints.length)
  for (let filled = 0; ; ) {
    for (let index = 0; index < endpoints.length; index++) {
      for (due[index]! += gains[index]!; due[index]! >= 1 - 1e-9; due[index]!--) {
        let place = next[index]!
        while (places[place] !== empty) place = (place + skips[index]!) % maglevSize
        places[place] = index
        next[index] = (place + skips[index]!) % maglevSize
        if (++filled === maglevSize) return places
      }
    }
  }
}

/** Places that each endpoint gains in a round: one for the heaviest, more only where there would be too many rounds. */
function gainsOf(endpoints: readonly EndpointState[]): Float64Array {
  let total = 0
  let heaviest = 0
  for (const { weight } of endpoints) {
    total += weight
    heaviest = Math.max(heaviest, weight)
  }
  const rounds = Math.min((heaviest / total) * maglevSize, maxTurns / endpoints.length)
  return Float64Array.from(endpoints, ({ weight }) => ((weight / total) * maglevSize) / rounds)
}
