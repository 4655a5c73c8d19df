import type { Answer, Policy } from '../policy.ts'
import { readSigningKey } from '../signing-key.ts'
import type { KeySetSettings } from './schema.ts'

/** Answers with the public halves of the gateway's keys (RFC 7517 §5), the same bytes for every request. */
export function compile({ keys, maxAgeSeconds }: KeySetSettings): Policy {
  const answer: Answer = {
    kind: 'answer',
    status: 200,
    headers: ['Content-Type', 'application/jwk-set+json', 'Cache-Control', `public, max-age=${maxAgeSeconds}`],
    body: JSON.stringify({ keys: keys.map((key) => readSigningKey(key).jwk) }),
  }
  return { onRequest: () => answer }
}
