import { z } from 'zod'

const path = z.string().min(1)

export const schema = {
  name: 'nats',
  settings: z.strictObject({
    /** `nats://` or `tls://`, host and port [4222], as `user:password@` or `token@` what the server wants. Several: any of a cluster. */
    urls: z.array(z.string().regex(/^(?:nats|tls):\/\/[^\s/]+\/?$/, 'must look like nats://host:4222 or tls://host:4222')).min(1),
    /** Path of a `.creds` file (user JWT and seed). */
    credsFile: path.optional(),
    /** Path of the authorities' certificates (PEM); given, TLS is demanded. */
    caFile: path.optional(),
    /** Paths of the client certificate and its key (PEM), for mutual TLS. */
    certFile: path.optional(),
    keyFile: path.optional(),
    /** What the server's monitoring shows for this connection. */
    name: z.string().min(1).default('sluice'),
    /** Between two pings; a server that is silent for three of them counts as gone. */
    pingIntervalMs: z.int().min(100).default(2000),
    /** For one attempt to connect, TLS and greeting included. */
    connectTimeoutMs: z.int().min(100).default(5000),
    /** Between two attempts, plus as much again at random. */
    reconnectWaitMs: z.int().min(10).default(250),
  }),
} as const

export type NatsBusSettings = z.input<typeof schema.settings>
