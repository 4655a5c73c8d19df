import { clientAddress, forwardedHops, forwardedScheme, normaliseAddress, unixPeer, type CidrSet, type HeaderFields } from '@sluice/http'

export interface ClientIdentity {
  address: string
  peer: string
  trusted: boolean
  scheme: 'http' | 'https'
}

/**
 * Fills who is calling: the peer itself, or what a trusted peer reports of it. Throws `client.forwarded_malformed`
 * for a trusted peer's field that cannot be read; what others send is not looked at.
 */
export function identifyClient(client: ClientIdentity, peerAddress: string, encrypted: boolean, headers: HeaderFields, trusted: CidrSet): void {
  const peer = normaliseAddress(peerAddress)
  client.peer = peer
  client.address = peer
  client.scheme = encrypted ? 'https' : 'http'
  client.trusted = peer === unixPeer || trusted.contains(peer)
  if (!client.trusted) return
  client.address = clientAddress(peer, forwardedHops(headers), trusted)
  client.scheme = forwardedScheme(headers) ?? client.scheme
}
