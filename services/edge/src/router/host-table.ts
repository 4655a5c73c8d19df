import { compareOnOnePath, pathClassOf, type RouteMatch, siblingKeyOf } from '@sluice/proto/config'
import { compileConditions, methodsAdmit, type RouteQuestion } from './conditions.ts'
import { createPathNode, nodeFor, parameterNames, removeFrom, walkExact, walkTail, type PathNode } from './path-tree.ts'

export interface RoutableRoute {
  readonly name: string
  readonly match: RouteMatch
}

interface Candidate<R> {
  readonly route: R
  readonly name: string
  readonly match: RouteMatch
  readonly methods: ReadonlySet<string> | undefined
  readonly tests: ReturnType<typeof compileConditions>
  readonly parameters: readonly string[]
}

/** What a look-up found so far; one object for each look-up. */
export interface Search<R> {
  route: R | undefined
  parameters: Readonly<Record<string, string>>
  /** When `route` goes by groups: it, and those that are alike but for that, to be chosen from once it is known who is calling. */
  alternatives: R[] | undefined
  /** Methods of routes that would match but for the method; for 405. */
  allowed: Set<string> | undefined
}

const noParameters: Readonly<Record<string, string>> = Object.freeze({})

/** The routes of one host pattern, by path class. A look-up allocates next to nothing; a route is put in or out by its own path alone. */
export class HostTable<R extends RoutableRoute> {
  private readonly exact = new Map<string, Candidate<R>[]>()
  private readonly templates: PathNode<Candidate<R>[]> = createPathNode()
  private readonly tails: PathNode<Candidate<R>[]> = createPathNode()
  private readonly prefixes = new Map<string, Candidate<R>[]>()
  /** Each asks by itself whether the path is like its pattern, and no pattern is more special than another. */
  private readonly patterns: Candidate<R>[] = []
  private readonly anyPath: Candidate<R>[] = []
  private hasTemplates = false
  private hasTails = false
  private count = 0

  get isEmpty(): boolean {
    return this.count === 0
  }

  /** Puts it among those of its path, in their order. */
  add(route: R): void {
    const { match, name } = route
    const methods = match.methods === undefined ? undefined : new Set(match.methods)
    const parameters = match.path === undefined ? [] : parameterNames(match.path)
    const list = this.listFor(match)
    const candidate = { route, name, match, methods, tests: compileConditions(match), parameters }
    list.splice(placeFor(list, candidate), 0, candidate)
    this.count++
  }

  /** Takes away what `add` was given; a list that is empty then costs no look-up any more. */
  remove(route: R): void {
    const { match } = route
    const list = this.listFor(match)
    const place = list.findIndex((candidate) => candidate.route === route)
    if (place >= 0) {
      list.splice(place, 1)
      this.count--
    }
    if (list.length === 0) this.dropList(match)
  }

  /** Fills `search` with the first route that matches; answers whether there is one. */
  find(path: string, question: RouteQuestion, search: Search<R>): boolean {
    const exact = this.exact.get(path)
    if (exact !== undefined && pick(exact, noValues, question, search)) return true
    if (this.hasTemplates && this.findTemplate(path, question, search)) return true
    if (this.hasTails && this.findTail(path, question, search)) return true
    if (this.prefixes.size > 0 && this.findPrefix(path, question, search)) return true
    return pick(this.patterns, noValues, question, search) || pick(this.anyPath, noValues, question, search)
  }

  private findTemplate(path: string, question: RouteQuestion, search: Search<R>): boolean {
    const values: string[] = []
    return walkExact(this.templates, path, 1, values, (list) => pick(list, values, question, search))
  }

  private findTail(path: string, question: RouteQuestion, search: Search<R>): boolean {
    const values: string[] = []
    return walkTail(this.tails, path, 1, values, (list) => pick(list, values, question, search))
  }

  /** From the whole path down to `/`, each cut at a segment boundary. */
  private findPrefix(path: string, question: RouteQuestion, search: Search<R>): boolean {
    if (this.tryPrefix(path, question, search)) return true
    for (let slash = path.lastIndexOf('/'); slash >= 0; slash = path.lastIndexOf('/', slash - 1)) {
      if (slash < path.length - 1 && this.tryPrefix(path.slice(0, slash + 1), question, search)) return true
      if (slash === 0) return false
      if (this.tryPrefix(path.slice(0, slash), question, search)) return true
    }
    return false
  }

  private tryPrefix(prefix: string, question: RouteQuestion, search: Search<R>): boolean {
    const list = this.prefixes.get(prefix)
    return list !== undefined && pick(list, noValues, question, search)
  }

  private listFor(match: RouteMatch): Candidate<R>[] {
    const path = match.path ?? match.pathPrefix ?? match.pathRegex ?? ''
    switch (pathClassOf(match)) {
      case 'exact':
        return listIn(this.exact, path)
      case 'parameters':
        this.hasTemplates = true
        return (nodeFor(this.templates, path).here ??= [])
      case 'tail':
        this.hasTails = true
        return (nodeFor(this.tails, path).tail ??= [])
      case 'prefix':
        return listIn(this.prefixes, path)
      case 'regex':
        return this.patterns
      case 'any':
        return this.anyPath
    }
  }

  private dropList(match: RouteMatch): void {
    const path = match.path ?? match.pathPrefix ?? match.pathRegex ?? ''
    switch (pathClassOf(match)) {
      case 'exact':
        return void this.exact.delete(path)
      case 'parameters':
        return removeFrom(this.templates, path, 'here')
      case 'tail':
        return removeFrom(this.tails, path, 'tail')
      case 'prefix':
        return void this.prefixes.delete(path)
      case 'regex':
      case 'any':
        return undefined
    }
  }
}

const noValues: readonly string[] = []

function listIn<T>(map: Map<string, T[]>, key: string): T[] {
  const known = map.get(key)
  if (known !== undefined) return known
  const made: T[] = []
  map.set(key, made)
  return made
}

/** The first candidate whose method and conditions hold; notes the methods of those that fail by method alone. */
function pick<R>(list: readonly Candidate<R>[], values: readonly string[], question: RouteQuestion, search: Search<R>): boolean {
  for (const candidate of list) {
    const admitted = methodsAdmit(candidate.methods, question.method)
    if (!admitted && candidate.methods === undefined) continue
    if (!candidate.tests.every((test) => test(question))) continue
    if (!admitted) {
      search.allowed ??= new Set()
      for (const method of candidate.methods!) search.allowed.add(method)
      continue
    }
    if (search.alternatives !== undefined) {
      if (addSibling(candidate, search)) continue
      return true
    }
    if (candidate.match.groups !== undefined) search.alternatives = [candidate.route]
    search.route = candidate.route
    search.parameters = values.length === 0 ? noParameters : namedValues(candidate.parameters, values)
    if (search.alternatives === undefined) return true
  }
  return search.alternatives !== undefined
}

/**
 * Adds one that is alike but for its groups; answers whether there may be more: behind the one for everybody there are
 * none that count, and others match too, but come after all of these.
 */
function addSibling<R>({ route, match }: Candidate<R>, { alternatives }: Search<R>): boolean {
  const first = (alternatives![0] as RoutableRoute).match
  if (siblingKeyOf(first) !== siblingKeyOf(match)) return true
  alternatives!.push(route)
  return match.groups !== undefined
}

function namedValues(names: readonly string[], values: readonly string[]): Record<string, string> {
  const named: Record<string, string> = {}
  for (let index = 0; index < names.length; index++) named[names[index]!] = values[index] ?? ''
  return named
}

/** Where it goes in a list that is in order. */
function placeFor<R>(list: readonly Candidate<R>[], candidate: Candidate<R>): number {
  let low = 0
  for (let high = list.length; low < high; ) {
    const middle = (low + high) >> 1
    if (compareOnOnePath(list[middle]!, candidate) <= 0) low = middle + 1
    else high = middle
  }
  return low
}
