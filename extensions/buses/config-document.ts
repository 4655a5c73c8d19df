import { hash } from 'node:crypto'

/** One revision, whole: canonical JSON bytes and their SHA-256 in lower-case hex. */
export interface ConfigDocument {
  readonly revision: number
  readonly digest: string
  readonly document: Uint8Array
}

/** Which revision somebody has; the digest tells whether two of one number are the same. */
export type ConfigVersion = Pick<ConfigDocument, 'revision' | 'digest'>

export function digestOf(document: Uint8Array): string {
  return hash('sha256', document, 'hex')
}
