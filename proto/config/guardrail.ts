import { z } from 'zod'
import { resourceName } from './strings.ts'

const kind = z.enum(['routes', 'upstreams', 'groups', 'plans', 'certificates'])
const hostPattern = z.string().regex(/^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*$/, 'a host name such as "api.example.com" or "*.example.com"')

const waiver = z.strictObject({
  resource: z.string().regex(/^(routes|upstreams|groups|plans|certificates)\/.+$/, 'a resource such as "routes/get-user"').describe('What the rule lets pass, such as `routes/get-user`.'),
  reason: z.string().min(1).max(500).describe('Why.'),
  expires: z.iso.datetime({ offset: true, message: 'an instant such as "2027-01-31T00:00:00Z"' }).describe('From then on the rule holds again.'),
})

const needs: Readonly<Record<string, 'policies' | 'labels' | 'hosts'>> = { policies: 'policies', 'no-policies': 'policies', labels: 'labels', hosts: 'hosts' }

/** A rule that configurations have to keep; control holds every change against it, `sluice check` every file. */
export const guardrail = z
  .strictObject({
    name: resourceName.describe('Unique among guardrails.'),
    require: z
      .enum(['authentication', 'policies', 'no-policies', 'owner', 'labels', 'hosts', 'encrypted-upstreams'])
      .describe('What has to be so. `authentication`: a policy says who is calling, and lets nobody in without. `policies`, `no-policies`: all of `policies`, or none of them, are in force. `owner`, `labels`: the resource says them. `hosts`: the route names hosts, all among `hosts`. `encrypted-upstreams`: endpoints are spoken to over TLS, or stay on this machine.'),
    policies: z.array(z.string().min(1)).min(1).max(100).optional().describe('With `policies` and `no-policies`: their types.'),
    labels: z.array(z.string().min(1)).min(1).max(100).optional().describe('With `labels`: their names.'),
    hosts: z.array(hostPattern).min(1).max(1000).optional().describe('With `hosts`: exact names, and `*.` for one or more labels.'),
    of: z.array(kind).min(1).optional().describe('With `owner` and `labels`: which resources [routes and upstreams].'),
    where: z
      .strictObject({ labels: z.record(z.string(), z.string()).optional().describe('Those with all of these labels.'), hosts: z.array(hostPattern).min(1).optional().describe('Routes that take requests for one of these hosts, or for any.') })
      .optional()
      .describe('Whom it is for; everybody when left out.'),
    severity: z.enum(['error', 'warning']).default('error').describe('`error`: a change that breaks it is refused; `warning`: it is told.'),
    waivers: z.array(waiver).max(1000).default([]).describe('What may break it for a while.'),
  })
  .refine((rule) => needs[rule.require] === undefined || rule[needs[rule.require]!] !== undefined, '"policies", "labels" or "hosts" beside a "require" of that name')

export type Guardrail = z.output<typeof guardrail>
