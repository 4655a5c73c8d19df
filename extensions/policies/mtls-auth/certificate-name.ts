import type { X509Certificate } from 'node:crypto'

/** The name that a consumer is looked up by; undefined when the certificate has none, or does not say which of several. */
export function nameIn(certificate: X509Certificate, from: 'san' | 'subject'): string | undefined {
  if (from === 'san') return alternativeName(certificate.subjectAltName ?? '')
  const { CN } = certificate.toLegacyObject().subject as { readonly CN?: string | readonly string[] }
  return typeof CN === 'string' ? CN : undefined
}

const kinds = ['URI', 'DNS', 'email'] as const

/** Node tells them as `DNS:a, URI:b`, in quotes where a value could be taken for more than one. */
function alternativeName(text: string): string | undefined {
  const names = [...text.matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)]
  for (const kind of kinds) {
    const found = names.find(([, name]) => name === kind)?.[2]
    // What has to stand in quotes is no name that anybody gave in earnest.
    if (found !== undefined && found !== '' && !found.startsWith('"')) return found
  }
  return undefined
}
