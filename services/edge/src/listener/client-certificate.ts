import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { ClientCertificate } from '@sluice/policies/exchange'

/** More than any real chain has; TLS itself stops earlier. */
const maxChain = 10

/** What the client of an encrypted connection has shown; undefined: nothing. Reads it anew each time. */
export function clientCertificateOf(socket: Socket): ClientCertificate | undefined {
  const own = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined
  if (own === undefined) return undefined
  const { authorized, authorizationError } = socket as TLSSocket
  return { chain: chainOf(own), problem: authorized ? undefined : String(authorizationError) }
}

function chainOf(own: X509Certificate): X509Certificate[] {
  const chain = [own]
  for (let next = own.issuerCertificate; next !== undefined && chain.length < maxChain && !chain.some((one) => one.fingerprint256 === next!.fingerprint256); next = next.issuerCertificate) chain.push(next)
  return chain
}
