/** `Content-Digest` (RFC 9530 §2), held against a body that passes piece by piece. */
import { createHash, type Hash, timingSafeEqual } from 'node:crypto'

const hashNames: Readonly<Record<string, string>> = { 'sha-256': 'sha256', 'sha-512': 'sha512' }
const member = /^\s*([a-z][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):\s*$/

interface Expected {
  readonly hash: Hash
  readonly digest: Buffer
}

export class BodyDigest {
  private readonly expected: readonly Expected[]

  private constructor(expected: readonly Expected[]) {
    this.expected = expected
  }

  /** Undefined when the field cannot be read, or names no algorithm that is known here: sha-256 or sha-512. */
  static read(field: string): BodyDigest | undefined {
    const expected: Expected[] = []
    const members = field.split(',')
    if (members.length > 10) return undefined
    for (const one of members) {
      const [, name = '', encoded = ''] = member.exec(one) ?? []
      if (name === '') return undefined
      const algorithm = hashNames[name]
      if (algorithm !== undefined) expected.push({ hash: createHash(algorithm), digest: Buffer.from(encoded, 'base64') })
    }
    return expected.length === 0 ? undefined : new BodyDigest(expected)
  }

  update(piece: Uint8Array): void {
    for (const { hash } of this.expected) hash.update(piece)
  }

  /** Whether every digest that is known here is that of what passed. Only once. */
  matches(): boolean {
    return this.expected.every(({ hash, digest }) => {
      const actual = hash.digest()
      return actual.length === digest.length && timingSafeEqual(actual, digest)
    })
  }
}
