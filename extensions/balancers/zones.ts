/**
 * The edge's own zone first, the share that it cannot carry elsewhere. As long as nearly all of the zone's endpoints are
 * healthy everything stays there; each one that fails sends its part away, from about three of ten on (an endpoint
 * takes 1.4 times its part before that, as in Envoy's overprovisioning). With fewer than three healthy ones there the zone does not
 * count: a few endpoints would take what all edges of the zone send.
 */
import type { EndpointState, PriorityGroup, ZoneSplit } from './balancer.ts'

const leastLocal = 3
const overprovisioning = 1.4
/** A share that would change by less stays: verdicts that come and go are not to move traffic back and forth. */
const hysteresis = 0.05

/** The split of one priority's endpoints; undefined when the zone does not count. `before`: of the endpoints as they were. */
export function splitByZone(endpoints: readonly EndpointState[], zone: string, groupOf: (some: readonly EndpointState[]) => PriorityGroup, before: ZoneSplit | undefined): ZoneSplit | undefined {
  if (zone === '') return undefined
  const local = groupOf(endpoints.filter((endpoint) => endpoint.zone === zone))
  const others = groupOf(endpoints.filter((endpoint) => endpoint.zone !== zone))
  if (local.healthy < leastLocal || others.usable === 0) return undefined
  const share = Math.min(1, (overprovisioning * weightOf(local, true)) / weightOf(local, false))
  const isAlike = before !== undefined && share < 1 && Math.abs(share - before.localShare) < hysteresis
  return { local, others, localShare: isAlike ? before.localShare : share }
}

function weightOf({ endpoints }: PriorityGroup, onlyHealthy: boolean): number {
  return endpoints.reduce((sum, { weight, health }) => (health === 'draining' || (onlyHealthy && health !== 'healthy') ? sum : sum + weight), 0)
}
