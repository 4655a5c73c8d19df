import { z } from 'zod'

const label = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'a name of lower case letters, digits and "-" (at most 63)')

const settings = z.strictObject({
  source: z.literal('kubernetes').default('kubernetes').describe('A Service of Kubernetes, by its EndpointSlices.'),
  service: label.describe("The Service's name."),
  namespace: label.optional().describe('Where it is [the namespace that discovery runs in].'),
  port: z.union([z.int().min(1).max(65_535), label]).optional().describe("Which of the Service's ports, by its name or by the endpoints' number [the only one]."),
  addressType: z.enum(['IPv4', 'IPv6', 'FQDN']).default('IPv4').describe('Of a Service with several kinds of addresses, the kind that is used.'),
  server: z.url({ protocol: /^https?$/, error: 'a URL such as "https://10.0.0.2:6443"' }).default('https://kubernetes.default.svc').describe('Of the API server.'),
  token: z.string().min(1).optional().describe("A bearer token, `env:NAME` or `file:PATH` [the pod's own, read again for each connection]."),
  caFile: z.string().min(1).optional().describe("A PEM file: the API server's authority [the pod's own]."),
  watchSeconds: z.int().min(5).max(3600).default(240).describe('How long one watch is asked for.'),
})

/** `discovery: { source: kubernetes }`: the ready endpoints of a Service. */
export const schema = { name: 'kubernetes', settings } as const

export type KubernetesSettings = z.output<typeof settings>
