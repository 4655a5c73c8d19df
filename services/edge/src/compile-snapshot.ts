/**
 * From a revision's lines to what the hot path runs on: read, references resolved, routes compiled (`compile-route.ts`) and in their
 * tables. What did not change is taken over from before, so a change costs by what it changes. `prepare` works aside,
 * in slices between which requests go on; nothing of it is in force before `adopt`, which does not fail.
 */
import { CidrSet } from '@sluice/http'
import { lineKey, type PolicyEntry, type Route, type Upstream, upstreamsOfRoute } from '@sluice/proto/config'
import type { UpstreamRegistry } from './balancer/upstream-registry.ts'
import { noOrders, type StandingOrders } from './break-glass/standing-orders.ts'
import { compileRoute, type RouteContext, routeContext, type RouteParts } from './compile-route.ts'
import type { CompiledRoute, CompiledSnapshot } from './compiled-snapshot.ts'
import { ClientAuthorities, type ChangedRoutes } from './policy-chain/client-authorities.ts'
import { type Frame, isFrame, ReceivedConfig } from './received-config.ts'
import { Router } from './router/router.ts'
import { Slices } from './slices.ts'

export interface CompileParts extends RouteParts {
  readonly upstreams: UpstreamRegistry
  /** Changes the frame before it is looked at: an edge may listen elsewhere than the configuration says. */
  readonly adjust?: (frame: Frame) => Frame
}

/** A revision that is ready to be adopted. */
export interface PreparedSnapshot {
  readonly snapshot: CompiledSnapshot
  readonly frame: Frame
  readonly upstreams: Readonly<Record<string, Upstream>>
  /** Whether an upstream came, went or changed. */
  readonly upstreamsChanged: boolean
  /** What was read anew, as written, references resolved. */
  readonly written: readonly unknown[]
  readonly routes: ReadonlyMap<string, CompiledRoute | undefined>
  readonly settings: ReadonlyMap<string, Route>
  /** A table of its own; otherwise the one in force is changed when it is adopted. */
  readonly router: Router<CompiledRoute> | undefined
  readonly orders: StandingOrders
  /** Whether lines that were received come into force with it. */
  readonly isOfLines: boolean
}

/** How long work on a revision may hold the event loop while there is traffic, in ms. */
const sliceMs = 3
/** More changed routes than this get a new table, built aside: changing the one in force is done in one piece. */
const maxPatched = 500

export class SnapshotCompiler {
  readonly #parts: CompileParts
  readonly #received = new ReceivedConfig()
  readonly #settings = new Map<string, Route>()
  readonly #compiled = new Map<string, CompiledRoute>()
  readonly #authorities = new ClientAuthorities()
  #upstreams: Readonly<Record<string, Upstream>> = {}
  #frame: Frame | undefined
  #router = new Router<CompiledRoute>()
  #snapshot: CompiledSnapshot | undefined
  #orders = noOrders
  /** What the routes in force were compiled with. */
  #obeyed = noOrders

  constructor(parts: CompileParts) {
    this.#parts = parts
  }

  /** What the next `prepare` compiles routes with, beside the configuration. */
  order(orders: StandingOrders): void {
    this.#orders = orders
  }

  /** Takes in the lines of a delta, or of all there is. They stay even when what they make is refused. */
  async receive(lines: readonly string[]): Promise<void> {
    const slices = new Slices(sliceMs)
    for (const line of lines) {
      const keyText = lineKey(line)
      this.#received.take(JSON.parse(keyText) as string, line, line.length === keyText.length + 2)
      await slices.pause()
    }
  }

  /** Throws `SnapshotRefused` naming the first resource that cannot be compiled; then all is as it was. */
  prepare(version: { revision: number; digest: string }): Promise<PreparedSnapshot> {
    return this.#prepare(version, this.#received.changedKeys())
  }

  /** As `prepare`, of nothing but what is in force: lines that were refused stay where they are. */
  prepareOrders(version: { revision: number; digest: string }): Promise<PreparedSnapshot> {
    return this.#prepare(version, new Set())
  }

  async #prepare(version: { revision: number; digest: string }, changed: ReadonlySet<string>): Promise<PreparedSnapshot> {
    const slices = new Slices(sliceMs)
    const written: unknown[] = []
    const frame = this.#readFrame(changed, written)
    const upstreams = await this.#readUpstreams(changed, written, slices)
    const states = upstreams === this.#upstreams ? (this.#snapshot?.upstreams ?? new Map()) : this.#parts.upstreams.prepare(upstreams)
    const settings = await this.#readRoutes(changed, written, slices)
    const context = routeContext({ frame, upstreams, states, parts: this.#parts, orders: this.#orders })
    const isFrameNew = this.#frame === undefined || frame.policies !== this.#frame.policies || frame.groups !== this.#frame.groups || frame.plans !== this.#frame.plans
    const routes = await this.#compileRoutes(changed, settings, this.#toCompile(changed, context, isFrameNew), context, slices)
    const router = routes.size > maxPatched ? await this.#newRouter(routes, slices) : undefined
    const snapshot = {
      ...version,
      router: router ?? this.#router,
      upstreams: states,
      upstreamSettings: new Map(Object.entries(upstreams)),
      trustedProxies: frame.trustedProxies === this.#frame?.trustedProxies ? this.#snapshot!.trustedProxies : new CidrSet(frame.trustedProxies),
      listeners: frame.listeners,
      certificates: frame.certificates,
      clientAuthorities: this.#authorities.after(changedRoutes(routes, settings), policiesOutside(frame, upstreams)),
      strictTransport: strictTransportOf(frame.listeners),
    }
    return { snapshot, frame, upstreams, upstreamsChanged: upstreams !== this.#upstreams, written, routes, settings, router, orders: context.orders, isOfLines: changed.size > 0 }
  }

  /** In one piece: requests see all of it or nothing. */
  adopt({ snapshot, frame, upstreams, routes, settings, router, orders, isOfLines }: PreparedSnapshot): CompiledSnapshot {
    for (const [name, route] of routes) {
      const before = this.#compiled.get(name)
      if (router === undefined) this.#exchange(before, route)
      if (route === undefined) this.#forget(name)
      else this.#compiled.set(name, route)
    }
    this.#authorities.adopt(changedRoutes(routes, settings))
    for (const [name, route] of settings) this.#settings.set(name, route)
    this.#router = router ?? this.#router
    this.#frame = frame
    this.#upstreams = upstreams
    this.#obeyed = orders
    if (isOfLines) this.#received.dirty = new Set()
    return (this.#snapshot = snapshot)
  }

  /** What `look` finds in the table as it will be once this is adopted; the table in force is as it was afterwards. */
  lookAside<T>({ routes, router }: PreparedSnapshot, look: (router: Router<CompiledRoute>) => T): T {
    if (router !== undefined) return look(router)
    const changes = [...routes].map(([name, route]) => [this.#compiled.get(name), route] as const)
    for (const [before, after] of changes) this.#exchange(before, after)
    try {
      return look(this.#router)
    } finally {
      for (const [before, after] of changes.reverse()) this.#exchange(after, before)
    }
  }

  #exchange(before: CompiledRoute | undefined, after: CompiledRoute | undefined): void {
    if (before !== undefined) this.#router.remove(before)
    if (after !== undefined) this.#router.add(after)
  }

  #forget(name: string): void {
    this.#compiled.delete(name)
    this.#settings.delete(name)
  }

  #readFrame(changed: ReadonlySet<string>, written: unknown[]): Frame {
    if (this.#frame !== undefined && ![...changed].some(isFrame)) return this.#frame
    const read = this.#received.readFrame()
    written.push(read.written)
    const frame = this.#parts.adjust?.(read.value) ?? read.value
    return this.#frame === undefined ? frame : withUnchangedParts(frame, this.#frame)
  }

  async #readUpstreams(changed: ReadonlySet<string>, written: unknown[], slices: Slices): Promise<Readonly<Record<string, Upstream>>> {
    let upstreams: Record<string, Upstream> | undefined
    for (const key of changed) {
      if (!key.startsWith('upstreams/')) continue
      const name = key.slice('upstreams/'.length)
      upstreams ??= { ...this.#upstreams }
      if (this.#received.has(key)) {
        const read = this.#received.readUpstream(name)
        upstreams[name] = read.value
        written.push(read.written)
      } else delete upstreams[name]
      await slices.pause()
    }
    return upstreams ?? this.#upstreams
  }

  async #readRoutes(changed: ReadonlySet<string>, written: unknown[], slices: Slices): Promise<Map<string, Route>> {
    const settings = new Map<string, Route>()
    for (const key of changed) {
      if (!key.startsWith('routes/') || !this.#received.has(key)) continue
      const name = key.slice('routes/'.length)
      const read = this.#received.readRoute(name)
      settings.set(name, read.value)
      written.push(read.written)
      await slices.pause()
    }
    return settings
  }

  /** Routes that did not change themselves, but something that is compiled into them did. */
  #toCompile(changed: ReadonlySet<string>, { upstreams, states, orders }: RouteContext, isFrameNew: boolean): [string, Route][] {
    const isForAll = isFrameNew || orders.blocked?.key !== this.#obeyed.blocked?.key
    if (!isForAll && upstreams === this.#upstreams && orders === this.#obeyed) return []
    return [...this.#settings].filter(([name, route]) => {
      if (changed.has(`routes/${name}`)) return false
      if (isForAll || orders.disabledRoutes.has(name) !== this.#obeyed.disabledRoutes.has(name)) return true
      return upstreamsOfRoute(route).some((upstream) => states.get(upstream) !== this.#snapshot?.upstreams.get(upstream) || !isSame(upstreams[upstream]?.policies, this.#upstreams[upstream]?.policies))
    })
  }

  /** By name; undefined for those that are gone. */
  async #compileRoutes(changed: ReadonlySet<string>, settings: ReadonlyMap<string, Route>, further: readonly [string, Route][], context: RouteContext, slices: Slices): Promise<Map<string, CompiledRoute | undefined>> {
    const routes = new Map<string, CompiledRoute | undefined>()
    for (const [name, route] of [...settings, ...further]) {
      routes.set(name, compileRoute(route, context))
      await slices.pause()
    }
    for (const key of changed) {
      const name = key.slice('routes/'.length)
      if (key.startsWith('routes/') && !this.#received.has(key) && this.#compiled.has(name)) routes.set(name, undefined)
    }
    return routes
  }

  async #newRouter(routes: ReadonlyMap<string, CompiledRoute | undefined>, slices: Slices): Promise<Router<CompiledRoute>> {
    const router = new Router<CompiledRoute>()
    for (const [name, route] of this.#compiled) {
      if (!routes.has(name)) router.add(route)
      await slices.pause()
    }
    for (const route of routes.values()) {
      if (route !== undefined) router.add(route)
      await slices.pause()
    }
    return router
  }
}

/** The value of Strict-Transport-Security (RFC 6797 §6.1). */
function strictTransportOf({ https }: Frame['listeners']): string | undefined {
  return https === undefined || https === false || https.hstsSeconds === undefined ? undefined : `max-age=${https.hstsSeconds}`
}

/** Parts that say the same stay the same objects, so that nothing is compiled anew for them. */
function withUnchangedParts(frame: Frame, before: Frame): Frame {
  const parts = Object.entries(frame).map(([name, part]) => [name, isSame(part, before[name as keyof Frame]) ? before[name as keyof Frame] : part])
  return Object.fromEntries(parts) as unknown as Frame
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function changedRoutes(routes: PreparedSnapshot['routes'], settings: PreparedSnapshot['settings']): ChangedRoutes {
  const gone = [...routes].flatMap(([name, route]) => (route === undefined ? [[name, undefined] as const] : []))
  return [...settings, ...gone]
}

/** The policies that stand elsewhere than at a route. */
function policiesOutside({ policies, groups }: Frame, upstreams: Readonly<Record<string, Upstream>>): (readonly PolicyEntry[])[] {
  return [policies, ...groups.map((group) => group.policies), ...Object.values(upstreams).map((upstream) => upstream.policies)]
}
