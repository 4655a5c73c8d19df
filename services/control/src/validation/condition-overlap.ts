/** What two matches on paths that both admit have to do with each other, by everything else that they ask for. */
import { conditionCount, type RouteMatch } from '@sluice/proto/config'

/** What `second` loses to `first`, which is tried before it: all its requests, some by name only, or none. */
export function overlap(first: RouteMatch, second: RouteMatch): 'all' | 'some' | undefined {
  if (demandsLess(first, second)) return 'all'
  // One that goes by groups leaves the rest to the one that does not: they are meant to stand together.
  if ((first.groups === undefined) !== (second.groups === undefined)) return undefined
  if (conditionCount(first) !== conditionCount(second) || excludeEachOther(first, second)) return undefined
  return 'some'
}

/** Whether `first` takes each request that `second` would, on a path that both admit. */
export function demandsLess(first: RouteMatch, second: RouteMatch): boolean {
  return (
    covers(admitted(first.methods), admitted(second.methods)) &&
    covers(first.addresses, second.addresses) &&
    covers(first.groups, second.groups) &&
    holdsAll(first.headers, second.headers, true) &&
    holdsAll(first.query, second.query, false)
  )
}

/** `GET` admits HEAD. */
function admitted(methods: readonly string[] | undefined): readonly string[] | undefined {
  return methods?.includes('GET') === true ? [...methods, 'HEAD'] : methods
}

function covers(first: readonly string[] | undefined, second: readonly string[] | undefined): boolean {
  return first === undefined || (second !== undefined && second.every((one) => first.includes(one)))
}

function holdsAll(first: Conditions, second: Conditions, ignoreCase: boolean): boolean {
  const other = normalised(second, ignoreCase)
  return [...normalised(first, ignoreCase)].every(([name, condition]) => other.get(name) === condition || (condition === '*' && other.has(name)))
}

function excludeEachOther(first: RouteMatch, second: RouteMatch): boolean {
  const methods = admitted(second.methods)
  if (first.methods !== undefined && methods !== undefined && !admitted(first.methods)!.some((method) => methods.includes(method))) return true
  return differInLiteral(first.headers, second.headers, true) || differInLiteral(first.query, second.query, false)
}

function differInLiteral(first: Conditions, second: Conditions, ignoreCase: boolean): boolean {
  const other = normalised(second, ignoreCase)
  return [...normalised(first, ignoreCase)].some(([name, condition]) => isLiteral(condition) && isLiteral(other.get(name)) && other.get(name) !== condition)
}

type Conditions = Readonly<Record<string, string>> | undefined

function normalised(conditions: Conditions, ignoreCase: boolean): Map<string, string> {
  return new Map(Object.entries(conditions ?? {}).map(([name, condition]) => [ignoreCase ? name.toLowerCase() : name, condition]))
}

function isLiteral(condition: string | undefined): boolean {
  return condition !== undefined && condition !== '*' && !condition.startsWith('~')
}
