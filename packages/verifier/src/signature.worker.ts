/** Runs on the verifier's threads: a batch of signature checks in, their outcomes out. Outcomes are data: a thrown error would lose its code. */
import type { AlgorithmName } from './algorithms.ts'
import { RecentMap } from './recent-map.ts'
import { type ImportedKey, importKey, isSignature } from './signature.ts'

export interface SignatureBatch {
  readonly jobs: readonly { readonly algorithm: AlgorithmName; readonly keyId: string; readonly signingInput: string; readonly signature: string }[]
  /** Those of the jobs' keys that this thread may not have seen. */
  readonly keys: readonly { readonly id: string; readonly kind: 'public' | 'secret'; readonly material: Uint8Array }[]
}

export type SignatureOutcome = 'valid' | 'invalid' | 'key_missing' | 'failed'

/** `null` for what could not be imported, so that it is not asked for again and again. */
const keys = new RecentMap<ImportedKey | null>(1000)

export default function checkSignatures(batch: SignatureBatch): SignatureOutcome[] {
  for (const key of batch.keys) keys.set(key.id, imported(key))
  return batch.jobs.map(checkSignature)
}

function checkSignature(job: SignatureBatch['jobs'][number]): SignatureOutcome {
  const key = keys.get(job.keyId)
  if (key === undefined) return 'key_missing'
  if (key === null) return 'failed'
  try {
    const isValid = isSignature(job.algorithm, key, Buffer.from(job.signingInput, 'latin1'), Buffer.from(job.signature, 'base64url'))
    return isValid ? 'valid' : 'invalid'
  } catch {
    return 'failed'
  }
}

function imported(key: SignatureBatch['keys'][number]): ImportedKey | null {
  try {
    return importKey(key)
  } catch {
    return null
  }
}
