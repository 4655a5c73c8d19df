/**
 * Slow start: an endpoint that is new, or came back, takes a share that grows in a straight line to its weight, so that
 * caches fill and code warms up before the whole load arrives. Hashing balancers go without: a key has one endpoint.
 */
import type { EndpointState, PriorityGroup } from './balancer.ts'

export const slowStartMs = 30_000
/** It begins with this share of its weight: with none it would see no request to warm up by. */
const firstShare = 0.1

/** The endpoint's weight at this instant. */
export function weightNow(endpoint: EndpointState, nowMs: number): number {
  const age = nowMs - endpoint.slowSince
  return age >= slowStartMs ? endpoint.weight : endpoint.weight * Math.max(firstShare, age / slowStartMs)
}

/** Whether all of the group that may serve have the same weight at this instant. */
export function isEvenNow(group: PriorityGroup, nowMs: number): boolean {
  return group.isEven && nowMs >= group.slowUntil
}

/** From `sinceMs` on the endpoint starts slowly; `group` is the one it belongs to. */
export function startSlowly(endpoint: EndpointState, group: PriorityGroup, sinceMs: number): void {
  endpoint.slowSince = sinceMs
  const until = sinceMs + slowStartMs
  group.slowUntil = Math.max(group.slowUntil, until)
  if (group.zones === undefined) return
  const { local, others } = group.zones
  const part = local.endpoints.includes(endpoint) ? local : others
  part.slowUntil = Math.max(part.slowUntil, until)
}
