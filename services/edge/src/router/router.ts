import { HostTable, type RoutableRoute, type Search } from './host-table.ts'
import type { RouteQuestion } from './conditions.ts'

export interface HostedQuestion extends RouteQuestion {
  /** Lower case, without port. */
  readonly host: string
  /** As the client wrote it behind the host, else the scheme's own. */
  readonly port: number
}

/**
 * Finds the route of a request. Hosts go from exact (with the port named, then without) over the longest wildcard
 * to routes without hosts; within a host the path classes of `route-precedence.ts`. When a condition fails the next
 * candidate is tried. The cost of a look-up depends on the depth of the path and host, not on the number of routes.
 */
export class Router<R extends RoutableRoute> {
  private readonly exactHosts = new Map<string, HostTable<R>>()
  private readonly wildcardHosts = new Map<string, HostTable<R>>()
  private readonly anyHost = new HostTable<R>()
  /** Hosts in use that name a port; without one, hosts are looked up by their name alone. */
  private hostsWithPort = 0

  constructor(routes: Iterable<R> = []) {
    for (const route of routes) this.add(route)
  }

  /** From the next look-up on; what it costs does not depend on how many routes there are. */
  add(route: R): void {
    for (const host of hostsOf(route)) {
      this.tableOf(host).add(route)
      if (namesPort(host)) this.hostsWithPort++
    }
  }

  /** Takes away a route that was added: this object, not one of its name. */
  remove(route: R): void {
    for (const host of hostsOf(route)) {
      const table = this.tableOf(host)
      table.remove(route)
      if (namesPort(host)) this.hostsWithPort--
      if (table.isEmpty && host !== '') tablesFor(host, this.exactHosts, this.wildcardHosts).delete(keyOf(host))
    }
  }

  find(question: HostedQuestion): Search<R> {
    const search: Search<R> = { route: undefined, parameters: {}, alternatives: undefined, allowed: undefined }
    if (this.exactHosts.size > 0 && this.findExact(question, search)) return search
    if (this.wildcardHosts.size > 0 && this.findWildcard(question, search)) return search
    this.anyHost.find(question.path, question, search)
    return search
  }

  private findExact(question: HostedQuestion, search: Search<R>): boolean {
    const withPort = this.hostsWithPort === 0 ? undefined : this.exactHosts.get(`${question.host}:${question.port}`)
    if (withPort !== undefined && withPort.find(question.path, question, search)) return true
    const table = this.exactHosts.get(question.host)
    return table !== undefined && table.find(question.path, question, search)
  }

  private findWildcard(question: HostedQuestion, search: Search<R>): boolean {
    const { host } = question
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      const suffix = host.slice(dot + 1)
      const withPort = this.hostsWithPort === 0 ? undefined : this.wildcardHosts.get(`${suffix}:${question.port}`)
      if (withPort !== undefined && withPort.find(question.path, question, search)) return true
      const table = this.wildcardHosts.get(suffix)
      if (table !== undefined && table.find(question.path, question, search)) return true
    }
    return false
  }

  private tableOf(host: string): HostTable<R> {
    return host === '' ? this.anyHost : tableIn(tablesFor(host, this.exactHosts, this.wildcardHosts), keyOf(host))
  }
}

/** Each once, in lower case; `''` for any. */
function hostsOf({ match: { hosts } }: RoutableRoute): Iterable<string> {
  return hosts === undefined ? [''] : new Set(hosts.map((host) => host.toLowerCase()))
}

/** `[::1]` has colons and no port. */
function namesPort(host: string): boolean {
  return /:\d+$/.test(host) && !host.endsWith(']')
}

function tablesFor<T>(host: string, exact: T, wildcard: T): T {
  return host.startsWith('*.') ? wildcard : exact
}

/** `*.example.com` stands under `example.com`. */
function keyOf(host: string): string {
  return host.startsWith('*.') ? host.slice(2) : host
}

function tableIn<R extends RoutableRoute>(tables: Map<string, HostTable<R>>, key: string): HostTable<R> {
  const known = tables.get(key)
  if (known !== undefined) return known
  const made = new HostTable<R>()
  tables.set(key, made)
  return made
}
