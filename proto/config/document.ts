import { z } from 'zod'
import { consumer, group } from './consumer.ts'
import { listeners } from './listeners.ts'
import { policyList } from './policy-entry.ts'
import { route } from './route.ts'
import { resourceName } from './strings.ts'
import { accessLog, admin, telemetry } from './telemetry.ts'
import { upstream } from './upstream.ts'

const address = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], 'an address or range such as "10.0.0.0/8"')

const shared = {
  listeners: listeners.prefault({}),
  trustedProxies: z.array(address).max(10_000).default([]),
  upstreams: z.record(resourceName, upstream).default({}),
  routes: z.array(route).max(200_000).default([]),
  policies: policyList.default([]),
  groups: z.array(group).default([]),
}

/** The whole config file; the same resources as the admin API's. */
export const gatewayConfig = z.strictObject({
  version: z.literal(1),
  admin: admin.prefault({}),
  telemetry: telemetry.prefault({}),
  ...shared,
  consumers: z.array(consumer).default([]),
})

/**
 * What one revision holds and an edge is given: no admin settings, no consumers. `secrets` maps each `env:` and
 * `file:` reference to the value it had when the revision was made; it never leaves through the admin API.
 */
export const revisionDocument = z.strictObject({
  version: z.literal(1),
  telemetry: z.strictObject({ accessLog: accessLog.optional() }).prefault({}),
  ...shared,
  secrets: z.record(z.string(), z.string()).default({}),
})

/** As a person wrote it: defaults not filled in. This is what is stored, shown and exported. */
export type GatewayConfigInput = z.input<typeof gatewayConfig>
export type GatewayConfig = z.output<typeof gatewayConfig>
export type RevisionDocumentInput = z.input<typeof revisionDocument>
export type RevisionDocument = z.output<typeof revisionDocument>
