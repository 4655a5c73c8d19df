import { createVerifier } from '@sluice/verifier'
import { Failure } from './failure.ts'

const wholeKey = /^sk_([a-z0-9]+)_(.+)$/

export interface HashedSecret {
  /** Argon2id, PHC string. */
  readonly hash: string
  /** The id of the key, when a whole key was given instead of its secret. */
  readonly keyId: string | undefined
}

/** Hashes what stdin held: a secret on one line. Of a whole API key it is the secret that counts. Throws a `Failure` for anything else. */
export async function hashSecretText(input: string): Promise<HashedSecret> {
  const line = input.replace(/\r?\n$/, '')
  if (line === '') throw new Failure('no secret on stdin; try: printf %s "$SECRET" | sluice keys hash')
  if (/[\r\n]/.test(line)) throw new Failure('stdin holds more than one line; expected one secret')
  const [, keyId, secret = line] = wholeKey.exec(line) ?? []
  const verifier = createVerifier()
  try {
    return { hash: await verifier.hashPassword(secret), keyId }
  } finally {
    await verifier.close()
  }
}
