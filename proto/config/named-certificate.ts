import { z } from 'zod'
import { resourceMarks, resourceName } from './strings.ts'

/** A certificate with a name of its own, shown by `listeners.https` beside those that stand there. */
export const namedCertificate = z.strictObject({
  name: resourceName.describe('Unique among certificates.'),
  certificate: z.string().min(1).max(1_048_576).describe('PEM: the certificate, then those that lead to its authority; or where it is kept, such as `file:cert.pem`.'),
  key: z.string().min(1).max(65_536).describe('Where its private key is kept, without a passphrase: `file:key.pem`, `env:TLS_KEY`, `vault:secret/tls#key`. The admin API takes PEM as well, and keeps it sealed (`sealed:`). Never shown.'),
  ...resourceMarks,
})

export type NamedCertificate = z.output<typeof namedCertificate>
