import { z } from 'zod'

const tls = z.strictObject({
  caFile: z.string().min(1).optional().describe('A PEM file: the authorities that are trusted, instead of those that Node brings.'),
  serverName: z.string().min(1).max(253).optional().describe("The name asked for (SNI) and looked for in the server's certificate."),
  clientCertFile: z.string().min(1).optional().describe('A PEM file: what discovery shows when it is asked who it is.'),
  clientKeyFile: z.string().min(1).optional().describe('Its private key; never shown.'),
})

const settings = z.strictObject({
  source: z.literal('consul').default('consul').describe('A service of Consul.'),
  url: z.url({ protocol: /^https?$/, error: 'a URL such as "http://127.0.0.1:8500"' }).default('http://127.0.0.1:8500').describe('Of an agent.'),
  service: z.string().min(1).max(512).describe('Its name in the catalogue.'),
  token: z.string().min(1).optional().describe('Sent as `X-Consul-Token`; `env:NAME` or `file:PATH`.'),
  waitSeconds: z.number().min(1).max(600).default(55).describe('How long a question may stay open while nothing changes.'),
  tls: tls.optional().describe('For a URL that begins with `https://`.'),
  tags: z.array(z.string()).default([]).describe('Only instances that have all of these.'),
  version: z.string().optional().describe('Only instances whose metadata have this `version`.'),
  datacenter: z.string().optional().describe("Of this datacenter instead of the agent's own."),
})

/** `discovery: { source: consul }`: the instances of a service of Consul. */
export const schema = { name: 'consul', settings } as const

export type ConsulSettings = z.output<typeof settings>
