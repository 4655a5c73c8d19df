/** What a listener allows its clients, as the configuration of the moment says. */
import type { CidrSet } from '@sluice/http'
import type { OpenLimit } from '@sluice/policies/policy'
import type { HttpListener, HttpsListener } from '@sluice/proto/config'
import type { AddressLimit } from './address-slots.ts'
import { engineLimits, type EngineLimits } from './engine-limits.ts'

/** How long a connection goes on taking requests. */
export interface ConnectionLifetime {
  /** Infinity: no end. */
  readonly maxMs: number
  /** 0: any number. */
  readonly maxRequests: number
}

/** For connections that begin from now on; `healthPath` for those that stand as well. */
export interface DoorRules {
  readonly healthPath: string | undefined
  readonly proxyProtocol: boolean
  /** Whether HTTP/2 is spoken without TLS. */
  readonly h2c: boolean
  /** Counts the connections of an address over all workers; undefined: no limit. */
  readonly addresses: AddressLimit | undefined
  /** This worker's part of the connections of all addresses. */
  readonly maxConnections: number
  /** Believed about their clients, and not counted. */
  readonly trustedProxies: CidrSet
  readonly lifetime: ConnectionLifetime
  readonly limits: EngineLimits
}

export interface DoorRulesParts {
  readonly trustedProxies: CidrSet
  /** Of this edge. */
  readonly workers: number
  readonly addressLimit: (limit: number) => OpenLimit
}

export function doorRules(settings: HttpListener | HttpsListener, { trustedProxies, workers, addressLimit }: DoorRulesParts): DoorRules {
  const { healthPath, proxyProtocol, maxConnectionsPerAddress: perAddress, maxConnections, maxConnectionSeconds, maxRequestsPerConnection, timeouts } = settings
  return {
    healthPath,
    proxyProtocol,
    h2c: 'h2c' in settings && settings.h2c,
    addresses: perAddress === 0 ? undefined : { limit: addressLimit(perAddress), spare: Math.floor(perAddress / (4 * Math.max(1, workers))) },
    maxConnections: Math.ceil(maxConnections / Math.max(1, workers)),
    trustedProxies,
    lifetime: { maxMs: (maxConnectionSeconds ?? Infinity) * 1000, maxRequests: maxRequestsPerConnection ?? 0 },
    limits: { ...engineLimits, headMs: timeouts.headMs, bodyMs: timeouts.bodyMs, keepAliveMs: timeouts.idleMs },
  }
}

/** When a connection that begins `now` is old: a tenth earlier or later, so that those that came together do not leave together. */
export function endOfLife({ maxMs }: ConnectionLifetime, now: number): number {
  return maxMs === Infinity ? Infinity : now + maxMs * (0.9 + 0.2 * Math.random())
}
