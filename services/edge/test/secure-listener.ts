/** `listeners.https` as control would hand it to an edge: file settings in the document, the files' contents in `secrets`. */
import type { RevisionDocumentInput } from '@sluice/proto/config'
import type { MadeCertificate } from '@sluice/testkit'

type Https = Exclude<NonNullable<NonNullable<RevisionDocumentInput['listeners']>['https']>, false>

export function secureListener(port: number, certificates: readonly MadeCertificate[], more: Partial<Https> = {}): Pick<RevisionDocumentInput, 'listeners' | 'secrets'> {
  const files = certificates.map((_, index) => ({ certFile: `${index}.pem`, keyFile: `${index}.key` }))
  const secrets = Object.fromEntries(certificates.flatMap(({ cert, key }, index) => [[`file:${index}.pem`, cert], [`file:${index}.key`, key]]))
  return { listeners: { http: false, https: { address: `127.0.0.1:${port}`, certificates: files, ...more } }, secrets }
}
