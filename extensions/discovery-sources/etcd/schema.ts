import { z } from 'zod'

const tls = z.strictObject({
  caFile: z.string().min(1).optional().describe('A PEM file: the authorities that are trusted, instead of those that Node brings.'),
  serverName: z.string().min(1).max(253).optional().describe("The name asked for (SNI) and looked for in the server's certificate."),
  clientCertFile: z.string().min(1).optional().describe('A PEM file: what discovery shows when it is asked who it is.'),
  clientKeyFile: z.string().min(1).optional().describe('Its private key; never shown.'),
})

const settings = z
  .strictObject({
    source: z.literal('etcd').default('etcd').describe('Keys of etcd.'),
    urls: z.array(z.url({ protocol: /^https?$/, error: 'a URL such as "http://10.0.0.2:2379"' })).min(1).max(16).default(['http://127.0.0.1:2379']).describe('Members of the cluster; the next is asked when one does not answer.'),
    service: z.string().min(1).max(512).describe('Its instances are the keys below `prefix` and this name.'),
    prefix: z.string().max(512).default('/services/').describe('What stands before the name of every service.'),
    username: z.string().optional().describe('With authentication switched on.'),
    password: z.string().optional().describe('Of that user; `env:NAME` or `file:PATH`.'),
    tls: tls.optional().describe('For URLs that begin with `https://`.'),
    tags: z.array(z.string()).default([]).describe('Only instances that have all of these.'),
    version: z.string().optional().describe('Only instances of this version.'),
    datacenter: z.string().optional().describe('Only instances of this datacenter.'),
  })
  .refine(({ username, password }) => (username === undefined) === (password === undefined), '"username" and "password" stand together')

/** `discovery: { source: etcd }`: instances that stand as keys in etcd. */
export const schema = { name: 'etcd', settings } as const

export type EtcdSettings = z.output<typeof settings>
