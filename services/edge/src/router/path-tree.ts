/**
 * A tree over path segments for templates with parameters. Each level tries the literal segment before the
 * parameter, so the leftmost literal wins; a look-up touches as many nodes as the path has segments, whatever the
 * number of templates, unless literals and parameters overlap.
 */
export interface PathNode<T> {
  literals: Map<string, PathNode<T>> | undefined
  parameter: PathNode<T> | undefined
  /** What ends here. */
  here: T | undefined
  /** What ends here with a tail, `{rest*}`. */
  tail: T | undefined
}

export function createPathNode<T>(): PathNode<T> {
  return { literals: undefined, parameter: undefined, here: undefined, tail: undefined }
}

/** The node at which `template` ends, made on the way. `template` begins with `/`; a tail segment is left out. */
export function nodeFor<T>(root: PathNode<T>, template: string): PathNode<T> {
  let node = root
  for (const segment of segmentsOf(template)) {
    if (segment.startsWith('{')) node = node.parameter ??= createPathNode()
    else node = literalChild(node, segment)
  }
  return node
}

/** Takes away what ends at `template`, and the nodes that then lead nowhere. */
export function removeFrom<T>(root: PathNode<T>, template: string, what: 'here' | 'tail'): void {
  removeBelow(root, segmentsOf(template), 0, what)
}

/** Answers whether the node leads nowhere any more. */
function removeBelow<T>(node: PathNode<T>, segments: readonly string[], depth: number, what: 'here' | 'tail'): boolean {
  const segment = segments[depth]
  if (segment === undefined) node[what] = undefined
  else if (segment.startsWith('{')) {
    if (node.parameter !== undefined && removeBelow(node.parameter, segments, depth + 1, what)) node.parameter = undefined
  } else {
    const child = node.literals?.get(segment)
    if (child !== undefined && removeBelow(child, segments, depth + 1, what)) node.literals!.delete(segment)
    if (node.literals?.size === 0) node.literals = undefined
  }
  return node.here === undefined && node.tail === undefined && node.parameter === undefined && node.literals === undefined
}

function literalChild<T>(node: PathNode<T>, segment: string): PathNode<T> {
  node.literals ??= new Map()
  const known = node.literals.get(segment)
  if (known !== undefined) return known
  const made = createPathNode<T>()
  node.literals.set(segment, made)
  return made
}

function segmentsOf(template: string): string[] {
  return template.slice(1).split('/').filter((segment) => !segment.endsWith('*}'))
}

/** The parameters' names in the order of the path, the tail's last. */
export function parameterNames(template: string): string[] {
  return [...template.matchAll(/\{([^}*]+)\*?\}/g)].map((match) => match[1]!)
}

/**
 * Calls `visit` with what ends at `path` and the parameters' values, in order of precedence, until it answers true.
 * `values` is reused: a visitor copies what it keeps.
 */
export function walkExact<T>(node: PathNode<T>, path: string, from: number, values: string[], visit: (found: T) => boolean): boolean {
  if (from > path.length) return node.here !== undefined && visit(node.here)
  const end = path.indexOf('/', from)
  const next = end < 0 ? path.length : end
  const segment = path.slice(from, next)
  const literal = node.literals?.get(segment)
  if (literal !== undefined && walkExact(literal, path, next + 1, values, visit)) return true
  if (node.parameter === undefined || segment === '') return false
  values.push(segment)
  if (walkExact(node.parameter, path, next + 1, values, visit)) return true
  values.pop()
  return false
}

/** Like `walkExact`, for templates with a tail: the deepest node with a tail comes first. */
export function walkTail<T>(node: PathNode<T>, path: string, from: number, values: string[], visit: (found: T) => boolean): boolean {
  if (from <= path.length && walkTailBelow(node, path, from, values, visit)) return true
  if (node.tail === undefined || from > path.length) return false
  values.push(path.slice(from))
  if (visit(node.tail)) return true
  values.pop()
  return false
}

function walkTailBelow<T>(node: PathNode<T>, path: string, from: number, values: string[], visit: (found: T) => boolean): boolean {
  const end = path.indexOf('/', from)
  if (end < 0) return false
  const segment = path.slice(from, end)
  const literal = node.literals?.get(segment)
  if (literal !== undefined && walkTail(literal, path, end + 1, values, visit)) return true
  if (node.parameter === undefined || segment === '') return false
  values.push(segment)
  if (walkTail(node.parameter, path, end + 1, values, visit)) return true
  values.pop()
  return false
}
