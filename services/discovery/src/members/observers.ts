/**
 * Who probes an endpoint: three of the instances of discovery, chosen by rendezvous hashing (Thaler and Ravishankar, 1998), so
 * that each instance works it out alone and one that comes or goes moves only its own share. Two stand in the endpoint's zone and one
 * outside, as far as there are any: a zone that is cut off is seen from both sides.
 */
export interface Observer {
  readonly instance: string
  readonly zone: string
}

export const observersPerEndpoint = 3
const observersInZone = 2

/** The instances that probe the endpoint with this key, at most three. */
export function observersOf(key: string, zone: string, members: readonly Observer[]): string[] {
  if (members.length <= observersPerEndpoint) return members.map(({ instance }) => instance)
  const ranked = members.map(({ instance, zone: at }) => ({ instance, isNear: zone !== '' && at === zone, score: scoreOf(`${instance}\0${key}`) })).sort((a, b) => b.score - a.score)
  const near = ranked.filter(({ isNear }) => isNear).slice(0, observersInZone)
  const outside = ranked.filter(({ isNear }) => !isNear).slice(0, observersPerEndpoint - near.length)
  const rest = ranked.filter((one) => !near.includes(one) && !outside.includes(one))
  return [...near, ...outside, ...rest].slice(0, observersPerEndpoint).map(({ instance }) => instance)
}

/** FNV-1a over the text, its bits then mixed (the finaliser of MurmurHash3): FNV alone ranks alike keys alike. */
function scoreOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
