/** The host names that a server's certificate stands for (RFC 9525 §6.3): exact ones, and `*.` for one whole label. */
import type { X509Certificate } from 'node:crypto'

/**
 * The DNS names of the certificate's subject alternative names, in lower case, in their order; empty when there are
 * none. The subject's common name does not count (RFC 9525 §2), nor a name with a wildcard that is not its whole first label.
 */
export function certificateNames(certificate: Pick<X509Certificate, 'subjectAltName'>): string[] {
  const names: string[] = []
  for (const [, quoted, plain] of (certificate.subjectAltName ?? '').matchAll(/DNS:(?:("(?:[^"\\]|\\.)*")|([^,]*))/g)) {
    const name = (quoted === undefined ? plain! : '').toLowerCase().replace(/\.$/, '')
    if (dnsName.test(name) && !names.includes(name)) names.push(name)
  }
  return names
}

const dnsName = /^(\*\.)?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/

/** The wildcard that would cover `name`: `*.example.com` for `a.example.com`; undefined for a single label. */
export function wildcardFor(name: string): string | undefined {
  const dot = name.indexOf('.')
  return dot <= 0 ? undefined : `*${name.slice(dot)}`
}
