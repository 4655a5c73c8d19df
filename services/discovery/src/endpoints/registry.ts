import { isDeepStrictEqual } from 'node:util'
import type { Following, Instance, InstanceDirectory } from '@sluice/discovery-sources/discovery-source'
import { SluiceError } from '@sluice/errors'
import type { RegisteredInstance } from './registration-input.ts'

/** An instance is to be heard of this often; told to it in every answer. */
export const heartbeatSeconds = 10
/** Three heartbeats missed. */
const downAfterMs = 30_000
const goneAfterMs = 40_000
const maxInstances = 100_000
/**
 * Self-preservation, after Eureka: when more than this share of a zone's instances, and more than a handful, are silent, it is more
 * likely that the zone is cut off than that all of them died.
 */
const frozenShare = 0.15
const handful = 4

interface Entry {
  instance: Instance
  /** On the monotonic clock. */
  heardAt: number
}

/** The instances that have registered themselves, and when each was heard of last. */
export class Registry implements InstanceDirectory {
  readonly #clock: { monotonic(): number }
  readonly #services = new Map<string, Map<string, Entry>>()
  readonly #watchers = new Map<string, Set<() => void>>()
  readonly #onChange: () => void
  #count = 0
  /** Nobody is judged by silence before this instant: it may be ours. */
  #judgesFrom: number
  #frozenZones: ReadonlySet<string> = new Set()

  /** `onChange` is called for everything worth keeping on disk; a heartbeat is not. */
  constructor(clock: { monotonic(): number }, onChange: () => void) {
    this.#clock = clock
    this.#onChange = onChange
    this.#judgesFrom = clock.monotonic() + downAfterMs
  }

  get size(): number {
    return this.#count
  }

  list(service: string): Instance[] {
    const instances = [...(this.#services.get(service)?.values() ?? [])].map(({ instance }) => instance)
    return instances.sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  watch(service: string, onChange: () => void): Following {
    const watchers = this.#watchers.get(service) ?? new Set()
    this.#watchers.set(service, watchers.add(onChange))
    return {
      stop: () => {
        watchers.delete(onChange)
        if (watchers.size === 0 && this.#watchers.get(service) === watchers) this.#watchers.delete(service)
      },
    }
  }

  /** Takes a registration or a heartbeat; answers whether the instance is new. Throws when there are too many. */
  register(facts: RegisteredInstance): boolean {
    const entries = this.#services.get(facts.service) ?? new Map<string, Entry>()
    const known = entries.get(facts.id)
    if (known === undefined && this.#count >= maxInstances) {
      throw new SluiceError('dependency.discovery_unreachable', { detail: `There is room for ${maxInstances} instances, and they are there` })
    }
    const instance: Instance = { ...facts, down: '' }
    this.#services.set(facts.service, entries)
    entries.set(facts.id, { instance: isDeepStrictEqual(known?.instance, instance) ? known!.instance : instance, heardAt: this.#clock.monotonic() })
    if (known === undefined) this.#count++
    if (known?.instance !== entries.get(facts.id)!.instance) this.#tell(facts.service)
    return known === undefined
  }

  /** Answers whether there was such an instance. */
  deregister(service: string, id: string): boolean {
    const existed = this.#remove(service, id)
    if (existed) this.#tell(service)
    return existed
  }

  /** Marks instances that were not heard of for 30 s as down and takes out those of 40 s. */
  expire(): void {
    const now = this.#clock.monotonic()
    if (now < this.#judgesFrom) return
    this.#frozenZones = this.#zonesCutOff(now)
    for (const [service, entries] of this.#services) if (this.#expireService(service, entries, now)) this.#tell(service)
  }

  /** Where nobody is taken out for being silent, since too many are. */
  get frozenZones(): ReadonlySet<string> {
    return this.#frozenZones
  }

  #zonesCutOff(now: number): Set<string> {
    const zones = new Map<string, { all: number; silent: number }>()
    for (const entries of this.#services.values()) {
      for (const { instance, heardAt } of entries.values()) {
        const zone = zones.get(instance.zone) ?? { all: 0, silent: 0 }
        zones.set(instance.zone, zone)
        zone.all++
        if (now - heardAt >= downAfterMs) zone.silent++
      }
    }
    return new Set([...zones].filter(([, { all, silent }]) => silent > Math.max(handful, all * frozenShare)).map(([zone]) => zone))
  }

  /** The bus was away or this process did not run: silence proves nothing before a full 30 s from now. */
  suspendJudgement(): void {
    const now = this.#clock.monotonic()
    this.#judgesFrom = now + downAfterMs
    for (const entries of this.#services.values()) for (const entry of entries.values()) entry.heardAt = Math.max(entry.heardAt, now)
  }

  /** Everything worth keeping. */
  save(): RegisteredInstance[] {
    return [...this.#services.values()].flatMap((entries) => [...entries.values()].map(({ instance: { down: _down, ...facts } }) => facts))
  }

  #expireService(service: string, entries: Map<string, Entry>, now: number): boolean {
    let hasChanged = false
    for (const [id, entry] of entries) {
      const silentMs = now - entry.heardAt
      if (this.#frozenZones.has(entry.instance.zone)) continue
      if (silentMs >= goneAfterMs) {
        this.#remove(service, id)
        hasChanged = true
      } else if (silentMs >= downAfterMs && entry.instance.down === '') {
        entry.instance = { ...entry.instance, down: `no heartbeat for ${downAfterMs / 1000} s` }
        hasChanged = true
      }
    }
    return hasChanged
  }

  #remove(service: string, id: string): boolean {
    const entries = this.#services.get(service)
    if (entries === undefined || !entries.delete(id)) return false
    this.#count--
    if (entries.size === 0) this.#services.delete(service)
    return true
  }

  #tell(service: string): void {
    for (const onChange of [...(this.#watchers.get(service) ?? [])]) onChange()
    this.#onChange()
  }
}
