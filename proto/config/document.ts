import { z } from 'zod'
import { consumer, group } from './consumer.ts'
import { guardrail } from './guardrail.ts'
import { listeners } from './listeners.ts'
import { namedCertificate } from './named-certificate.ts'
import { plan } from './plan.ts'
import { policyList } from './policy-entry.ts'
import { rolloutSettings } from './rollout.ts'
import { route } from './route.ts'
import { selfTest } from './self-test.ts'
import { resourceName } from './strings.ts'
import { accessLog, admin, telemetry } from './telemetry.ts'
import { upstream } from './upstream.ts'

const address = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], 'an address or range such as "10.0.0.0/8"')

const shared = {
  listeners: listeners.prefault({}).describe('Where clients connect.'),
  trustedProxies: z.array(address).max(10_000).default([]).describe('Peers that are believed about the client: its address, scheme and request id.'),
  upstreams: z.record(resourceName, upstream).default({}).describe('Named groups of endpoints.'),
  routes: z.array(route).max(200_000).default([]).describe('Which requests go where, by which rules.'),
  policies: policyList.default([]).describe('For every route; the least specific place.'),
  groups: z.array(group).default([]).describe('Groups of consumers.'),
  plans: z.array(plan).max(10_000).default([]).describe('What consumers subscribe to: routes, how much of them, and the price.'),
  certificates: z.array(namedCertificate).max(1000).default([]).describe('Certificates that `listeners.https` shows beside its own, by the names in them.'),
  rollout: rolloutSettings.prefault({}).describe('How a change reaches the edges.'),
  selfTests: z.array(selfTest).max(100).default([]).describe('Requests that each edge answers for itself before a revision takes effect; one that is not answered as expected refuses the revision.'),
  guardrails: z.array(guardrail).max(1000).default([]).describe('Rules that every change of the configuration has to keep.'),
}

/** The whole config file; the same resources as the admin API's. */
export const gatewayConfig = z.strictObject({
  version: z.literal(1).describe('The version of this format.'),
  admin: admin.prefault({}).describe('The admin API of the embedded mode; a change needs a restart.'),
  telemetry: telemetry.prefault({}).describe('Metrics and access log.'),
  ...shared,
  consumers: z.array(consumer).default([]).describe('Who may call. Kept by auth: no part of a revision, nor of a rollback.'),
})

/**
 * What one revision holds and an edge is given: no admin settings, no consumers. `secrets` maps each reference, such as
 * `env:NAME`, to the value it had when the revision was made; it never leaves through the admin API.
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
