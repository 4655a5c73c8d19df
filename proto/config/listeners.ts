import { z } from 'zod'
import { durationMs, listenAddress } from './strings.ts'

const door = {
  proxyProtocol: z.boolean().default(false).describe('Peers in trustedProxies, and all of a Unix socket, say in a PROXY protocol header (version 1 or 2) whose connection it is; one without is closed. Others are taken as they are.'),
  maxConnectionsPerAddress: z.int().min(0).max(1_000_000).default(100).describe('Open connections of one address (IPv6: one /64), all workers of the edge together; one more is refused. 0: no limit. Peers in trustedProxies are not counted.'),
  maxConnections: z.int().min(1).max(10_000_000).default(100_000).describe('Open connections of all addresses, all workers of the edge together; each takes an even part.'),
  maxConnectionSeconds: z.number().min(0.1).max(31_536_000).optional().describe('From then on a connection ends with its next response (`Connection: close`, GOAWAY), a tenth earlier or later so that not all end at once. No end when left out.'),
  maxRequestsPerConnection: z.int().min(1).max(1_000_000_000).optional().describe('A connection ends with the response to so many requests. No end when left out.'),
  timeouts: z
    .strictObject({
      headMs: durationMs.default(30_000).describe('From a connection, or the first byte of a request, to the end of the request\'s head; else 408.'),
      bodyMs: durationMs.default(30_000).describe('Between two pieces of a request\'s body; else 408.'),
      idleMs: durationMs.default(75_000).describe('Between two requests on a connection; then it is closed.'),
    })
    .prefault({})
    .describe('How long clients may stay away.'),
  healthPath: z.string().startsWith('/').optional().describe('Answers 200 while serving and 503 while draining or not ready, before any policy.'),
  delaySeconds: z.number().min(0).max(600).optional().describe('After SIGTERM: how long the edge still accepts while its health says 503. 5 when healthPath is set, else 0.'),
}

export const httpListener = z.strictObject({
  address: listenAddress.default('127.0.0.1:8000').describe('Where clients connect.'),
  h2c: z.boolean().default(false).describe('Whether HTTP/2 is spoken beside HTTP/1.1, with clients that begin with it (prior knowledge).'),
  ...door,
})

export const certificate = z.strictObject({
  certFile: z.string().min(1).describe('A PEM file: the certificate, then those that lead to its authority. Read when the configuration is applied.'),
  keyFile: z.string().min(1).describe('A PEM file with the private key, without a passphrase. Read when the configuration is applied; never shown.'),
})

export const httpsListener = z.strictObject({
  address: listenAddress.default('127.0.0.1:8443').describe('Where clients connect.'),
  certificates: z.array(certificate).max(1000).default([]).describe('Chosen by the name that the client asks for (SNI) among the names in these and in [certificates](#certificates); for any other name the first of these, or of those by name.'),
  minVersion: z.enum(['1.2', '1.3']).default('1.3').describe('The oldest TLS that is spoken.'),
  http2: z.boolean().default(true).describe('Whether HTTP/2 is offered beside HTTP/1.1 (ALPN).'),
  clientCertificates: z.boolean().optional().describe('Whether clients are asked for a certificate in the handshake; one without is served all the same, where no policy needs it. As soon as a policy such as `mtls-auth` stands anywhere when left out.'),
  hstsSeconds: z.int().min(0).max(63_072_000).optional().describe('Browsers use HTTPS alone for this long (Strict-Transport-Security); 0 tells them to forget it. Not sent when left out.'),
  ...door,
}).refine(({ address, proxyProtocol }) => !proxyProtocol || !address.startsWith('unix:'), { path: ['proxyProtocol'], error: 'an address with a port beside it: no client address is kept for an encrypted Unix socket' })

export const listeners = z.strictObject({
  http: z.union([z.literal(false), httpListener]).prefault({}).describe('Plain HTTP; false switches it off.'),
  https: z.union([z.literal(false), httpsListener]).optional().describe('HTTP/1.1 and HTTP/2 over TLS; off when left out.'),
})

export type Certificate = z.output<typeof certificate>
export type HttpListener = z.output<typeof httpListener>
export type HttpsListener = z.output<typeof httpsListener>
export type Listeners = z.output<typeof listeners>
