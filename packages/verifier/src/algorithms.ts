/**
 * The signature algorithms that are accepted (RFC 7518 §3, RFC 8037 §3.1, RFC 9864 for `Ed25519`), and which key each
 * one needs. `none`, `ES256K` and everything else is left out on purpose.
 */
export type AlgorithmName = keyof typeof algorithms

export interface AlgorithmFacts {
  readonly keyType: 'rsa' | 'ec' | 'okp' | 'secret'
  /** As OpenSSL names it; undefined where the algorithm brings its own. */
  readonly hash: string | undefined
  /** PSS with a salt as long as the hash (RFC 7518 §3.5). */
  readonly pss: boolean
  /** As JWK names them; empty where there is none to choose. */
  readonly curves: readonly string[]
  /** Of ECDSA and HMAC signatures; 0 where the key decides. */
  readonly signatureBytes: number
  /** CPU time of one check, for the size of a batch; of RSA with 2048 bits. */
  readonly microseconds: number
}

const rsa = (hash: string, pss: boolean): AlgorithmFacts => ({ keyType: 'rsa', hash, pss, curves: [], signatureBytes: 0, microseconds: 27 })
const ec = (hash: string, curve: string, signatureBytes: number, microseconds: number): AlgorithmFacts => ({
  keyType: 'ec', hash, pss: false, curves: [curve], signatureBytes, microseconds,
})
const okp = (curves: readonly string[], microseconds: number): AlgorithmFacts => ({
  keyType: 'okp', hash: undefined, pss: false, curves, signatureBytes: 0, microseconds,
})
const hmac = (hash: string, signatureBytes: number): AlgorithmFacts => ({
  keyType: 'secret', hash, pss: false, curves: [], signatureBytes, microseconds: 6,
})

export const algorithms = {
  RS256: rsa('sha256', false),
  RS384: rsa('sha384', false),
  RS512: rsa('sha512', false),
  PS256: rsa('sha256', true),
  PS384: rsa('sha384', true),
  PS512: rsa('sha512', true),
  ES256: ec('sha256', 'P-256', 64, 60),
  ES384: ec('sha384', 'P-384', 96, 250),
  ES512: ec('sha512', 'P-521', 132, 450),
  EdDSA: okp(['Ed25519', 'Ed448'], 85),
  Ed25519: okp(['Ed25519'], 85),
  HS256: hmac('sha256', 32),
  HS384: hmac('sha384', 48),
  HS512: hmac('sha512', 64),
} as const satisfies Record<string, AlgorithmFacts>

/** Whether `name` is an algorithm of the table; the comparison is exact, as RFC 7515 §4.1.1 wants it. */
export function isAlgorithm(name: string): name is AlgorithmName {
  return Object.hasOwn(algorithms, name)
}

/** The algorithms that a key of this type, and curve where it has one, can check. */
export function algorithmsOf(keyType: AlgorithmFacts['keyType'], curve = ''): AlgorithmName[] {
  return (Object.keys(algorithms) as AlgorithmName[]).filter((name) => {
    const facts: AlgorithmFacts = algorithms[name]
    return facts.keyType === keyType && (facts.curves.length === 0 || facts.curves.includes(curve))
  })
}
