/** The routes of one host pattern, so kept that those which match a given path are found without asking each. */
import { compareOnOnePath, pathClassOf, pathClasses, pathKeyOf, type PathClass, type RouteMatch } from '@sluice/proto/config'

export interface Placed {
  readonly index: number
  readonly name: string
  readonly match: RouteMatch
}

interface Node {
  readonly literals: Map<string, Node>
  parameter: Node | undefined
  /** Routes whose template ends here, without a tail and with one. */
  here: Placed[]
  tails: Placed[]
}

export class HostRoutes {
  readonly byClass: Readonly<Record<PathClass, Placed[]>> = { exact: [], parameters: [], tail: [], prefix: [], regex: [], any: [] }
  private readonly templates: Node = newNode()
  /** By path class and path, parameters without their names. */
  private readonly places = new Map<string, Placed[]>()

  add(placed: Placed): void {
    const { match } = placed
    const kind = pathClassOf(match)
    this.byClass[kind].push(placed)
    if (kind === 'parameters' || kind === 'tail') {
      const node = this.nodeFor(match.path!)
      if (kind === 'tail') node.tails.push(placed)
      else node.here.push(placed)
    }
    const key = pathKeyOf(match)
    const place = this.places.get(key)
    if (place === undefined) this.places.set(key, [placed])
    else place.push(placed)
  }

  /** Lists of routes on one and the same path, in the order they are tried. */
  onOnePath(): Placed[][] {
    return [...this.places.values()].filter((list) => list.length > 1).map((list) => list.sort(compareOnOnePath))
  }

  /** Those of the classes before `kind` that match `path`, in the order they are tried; `most` of each place. */
  matchingBefore(kind: PathClass, path: string, most: number): Placed[] {
    const found: Placed[] = []
    for (const earlier of pathClasses.slice(0, pathClasses.indexOf(kind))) {
      for (const list of this.matching(earlier, path)) found.push(...list.slice(0, most))
    }
    return found
  }

  private matching(kind: PathClass, path: string): Placed[][] {
    if (this.byClass[kind].length === 0) return []
    if (kind === 'exact') return [this.places.get(`exact ${path}`) ?? []]
    if (kind === 'prefix') return prefixesOf(path).map((prefix) => this.places.get(`prefix ${prefix}`) ?? [])
    if (kind === 'regex') return [this.byClass.regex]
    const found: Placed[][] = []
    collect(this.templates, path.slice(1).split('/'), 0, (node, depth, count) => {
      const list = kind === 'tail' ? (depth < count ? node.tails : []) : depth === count ? node.here : []
      if (list.length > 0) found.push(list)
    })
    return found
  }

  private nodeFor(template: string): Node {
    let node = this.templates
    for (const segment of template.slice(1).split('/')) {
      if (segment.endsWith('*}')) break
      if (segment.startsWith('{')) node = node.parameter ??= newNode()
      else {
        const child = node.literals.get(segment) ?? newNode()
        node.literals.set(segment, child)
        node = child
      }
    }
    return node
  }
}

function newNode(): Node {
  return { literals: new Map(), parameter: undefined, here: [], tails: [] }
}

/** Visits every node that the segments lead to, and those on the way, deeper ones first. */
function collect(node: Node, segments: readonly string[], depth: number, visit: (node: Node, depth: number, count: number) => void): void {
  const segment = segments[depth]
  if (segment !== undefined) {
    const literal = node.literals.get(segment)
    if (literal !== undefined) collect(literal, segments, depth + 1, visit)
    if (node.parameter !== undefined && segment !== '') collect(node.parameter, segments, depth + 1, visit)
  }
  visit(node, depth, segments.length)
}

/** The prefixes that match a path, longest first: each ends at a segment boundary, with the slash or before it. */
function prefixesOf(path: string): string[] {
  const prefixes = [path]
  for (let slash = path.lastIndexOf('/'); slash >= 0; slash = path.lastIndexOf('/', slash - 1)) {
    if (slash < path.length - 1) prefixes.push(path.slice(0, slash + 1))
    if (slash === 0) break
    prefixes.push(path.slice(0, slash))
  }
  return prefixes
}
