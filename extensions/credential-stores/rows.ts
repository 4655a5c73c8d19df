/** The rows of the SQL stores, whose columns have the same names, as what the contract answers. */
import type { CredentialChangeRecord, Revocation, StoredConsumer } from './credential-store.ts'

type Row = Readonly<Record<string, unknown>>

export function consumerOf(row: Row): StoredConsumer {
  return JSON.parse(String(row.document))
}

export function revocationOf(row: Row): Revocation {
  return { name: String(row.name), beforeMs: Number(row.before_ms), untilMs: Number(row.until_ms) }
}

export function changeOf(row: Row): CredentialChangeRecord {
  return {
    version: Number(row.version),
    kind: row.kind as CredentialChangeRecord['kind'],
    consumer: String(row.consumer),
    credentialId: String(row.credential_id),
    subjects: JSON.parse(String(row.subjects)),
  }
}
