import { type ConfiguredKey, configuredKeyProblem, keySetProblem } from '@sluice/verifier/key-set'
import { isPlainFromAfar } from '../plain-address.ts'

/** The settings that have to agree with each other. */
interface KeySettings {
  readonly jwksUri?: string | undefined
  readonly jwksFile?: string | undefined
  readonly insecure: boolean
  readonly keys?: readonly Key[] | undefined
  readonly algorithms?: readonly string[] | undefined
}

type Key = { readonly [Name in keyof ConfiguredKey]: ConfiguredKey[Name] | undefined }

interface Problem {
  readonly path: readonly (string | number)[]
  readonly message: string
}

/** What the shape of the settings cannot say about keys and algorithms. */
export function keyProblems(settings: KeySettings): Problem[] {
  const found = [...sourceProblems(settings), ...uriProblems(settings), ...algorithmProblems(settings), ...mismatchProblems(settings)]
  return found.length > 0 ? found : unusableKeys(settings)
}

function sourceProblems({ jwksUri, jwksFile, keys }: KeySettings): Problem[] {
  const given = [jwksUri, jwksFile, keys].filter((one) => one !== undefined).length
  if (given === 1) return []
  return [{ path: [], message: given === 0 ? 'one of "jwksUri", "jwksFile" and "keys" is needed' : 'only one of "jwksUri", "jwksFile" and "keys" can stand' }]
}

/** Whoever can change a key set on its way can mint tokens. */
function uriProblems({ jwksUri, insecure }: KeySettings): Problem[] {
  if (jwksUri === undefined || insecure) return []
  if (!isPlainFromAfar(jwksUri)) return []
  return [{ path: ['jwksUri'], message: 'a key set over http:// can be changed on its way; use https://, or set "insecure: true" beside it' }]
}

/**
 * RFC 8725 §3.1: the verifier says which algorithm it takes, never the token. `jwksFile` is a path until its text has
 * taken its place; only the text is looked into.
 */
function algorithmProblems(settings: KeySettings): Problem[] {
  const { algorithms, jwksUri, jwksFile, keys } = settings
  if (jwksFile?.trimStart().startsWith('{') === true) {
    const named = algorithmsNamedBy(jwksFile)
    if (named === undefined) return [{ path: ['jwksFile'], message: 'the file is no key set: a JSON object with a list "keys" was expected' }]
    if (named || algorithms !== undefined) return []
  } else if (jwksFile !== undefined || algorithms !== undefined || (jwksUri === undefined && (keys ?? []).every((key) => key.alg !== undefined))) return []
  return [{ path: [], message: '"algorithms" is needed, such as [RS256], unless every key in "keys" or "jwksFile" names its "alg"' }]
}

/** Whether every key of the set names its algorithm; undefined when the text is no key set. */
function algorithmsNamedBy(text: string): boolean | undefined {
  try {
    const { keys } = JSON.parse(text) as { keys?: unknown }
    if (!Array.isArray(keys) || keys.length === 0) return undefined
    return keys.every((key: { alg?: unknown } | null) => typeof key?.alg === 'string')
  } catch {
    return undefined
  }
}

/** What an edge would refuse is found here, before a revision is made of it. A value that was not read is a problem already. */
function unusableKeys({ jwksFile, keys = [], algorithms }: KeySettings): Problem[] {
  const inFile = jwksFile?.trimStart().startsWith('{') === true ? keySetProblem(jwksFile, algorithms) : undefined
  const own = keys.flatMap((key, index) => {
    const message = isReference(key.pem ?? key.secret) ? undefined : configuredKeyProblem(withoutAbsent(key), algorithms)
    return message === undefined ? [] : [{ path: ['keys', index, key.pem === undefined ? 'secret' : 'pem'], message }]
  })
  return inFile === undefined ? own : [{ path: ['jwksFile'], message: inFile }, ...own]
}

function isReference(value: string | undefined): boolean {
  return value?.startsWith('env:') === true || value?.startsWith('file:') === true
}

function withoutAbsent(key: Key): ConfiguredKey {
  return Object.fromEntries(Object.entries(key).filter(([, value]) => value !== undefined)) as ConfiguredKey
}

/** A public key used as an HMAC secret would let anyone sign (RFC 8725 §2.1). */
function mismatchProblems({ keys, algorithms }: KeySettings): Problem[] {
  return (keys ?? []).flatMap((key, index) => {
    const isSecret = key.secret !== undefined
    const names = key.alg === undefined ? (algorithms ?? []) : [key.alg]
    if (names.length === 0 || names.some((name) => name.startsWith('HS') === isSecret)) return []
    const message = isSecret ? 'a "secret" goes with HS256, HS384 or HS512 only' : 'a "pem" does not go with HS256, HS384 or HS512'
    return [{ path: ['keys', index, key.alg === undefined ? (isSecret ? 'secret' : 'pem') : 'alg'], message }]
  })
}
