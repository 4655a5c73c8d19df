import { notBuiltBalancers, notBuiltSettings } from '@sluice/proto/config'
import type { Path } from './problem.ts'

/** Places in the document, by the names under which `notBuiltSettings` lists them; `*` is any one part. */
const places: readonly (readonly [pattern: string, place: string])[] = [
  ['', 'document'],
  ['listeners', 'listeners'],
  ['listeners/http', 'listeners.http'],
  ['listeners/https', 'listeners.https'],
  ['telemetry', 'telemetry'],
  ['telemetry/accessLog', 'telemetry.accessLog'],
  ['upstreams/*', 'upstream'],
  ['routes/*', 'route'],
  ['routes/*/match', 'route.match'],
  ['consumers/*/credentials/*', 'consumer.credential'],
]

/** The settings, and for `balancer` the values, that the interface names at `path` and that do not exist yet. */
export function notBuiltAt(path: Path): readonly string[] {
  if (path.length === 3 && path[0] === 'upstreams' && path[2] === 'balancer') return notBuiltBalancers
  const found = places.find(([pattern]) => fits(pattern === '' ? [] : pattern.split('/'), path))
  return found === undefined ? [] : (notBuiltSettings[found[1]] ?? [])
}

function fits(pattern: readonly string[], path: Path): boolean {
  return pattern.length === path.length && pattern.every((part, index) => part === '*' || part === path[index])
}
