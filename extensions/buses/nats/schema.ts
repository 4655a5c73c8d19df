import { z } from 'zod'

const path = z.string().min(1)
const urlForm = /^(?:nats|tls):\/\/[^\s/]+\/?$/

export const schema = {
  name: 'nats',
  summary: 'A NATS server or cluster, for the distributed mode.',
  settings: z.strictObject({
    urls: z
      .array(z.string().regex(urlForm, 'must look like nats://host:4222 or tls://host:4222'))
      .min(1)
      .describe('Servers: `nats://` or `tls://`, host and port [4222], with `user:password@` or `token@` before the host if the server wants that. Several: any of one cluster.'),
    credsFile: path.optional().describe('Path of a `.creds` file (user JWT and seed, or the seed alone), read again at each connect.'),
    caFile: path.optional().describe('Path of the authorities’ certificates (PEM). When given, TLS is demanded.'),
    certFile: path.optional().describe('Path of the client certificate (PEM), for mutual TLS; with `keyFile`.'),
    keyFile: path.optional().describe('Path of the client certificate’s key (PEM).'),
    name: z.string().min(1).default('sluice').describe('What the server’s monitoring shows for this connection.'),
    inbox: z.string().regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, 'must be a subject without wildcards').default('_INBOX').describe('What the subjects of answers begin with; a server that permits each service its own tells them apart by it.'),
    pingIntervalMs: z.int().min(100).default(2000).describe('Milliseconds between two pings; a server that is silent for three intervals counts as gone.'),
    connectTimeoutMs: z.int().min(100).default(5000).describe('Milliseconds for one attempt to connect, TLS and greeting included.'),
    reconnectWaitMs: z.int().min(10).default(250).describe('Milliseconds between two attempts; up to as much again is added at random.'),
  }),
} as const

export type NatsBusSettings = z.input<typeof schema.settings>
