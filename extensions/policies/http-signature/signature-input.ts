/**
 * `Signature-Input` and `Signature` (RFC 9421 §4): dictionaries of structured fields (RFC 9651), read in the one
 * spelling that they serialise to, so that the text of a member is what was signed (§2.3). Components with parameters
 * of their own, and those of responses, are left out on purpose.
 */
export interface SignatureInput {
  readonly label: string
  /** Names of what is covered, in order. */
  readonly components: readonly string[]
  readonly created: number | undefined
  readonly expires: number | undefined
  readonly keyId: string | undefined
  readonly algorithm: string | undefined
  readonly nonce: string | undefined
  readonly tag: string | undefined
  /** The member's value as it was sent: the last line of the signature base. */
  readonly parameters: string
}

const maxCharacters = 8192
const maxLabels = 8
const maxComponents = 64

const label = /([a-z*][a-z0-9_.*-]*)=/y
const innerList = /\(((?:"[^"\\\x00-\x1f\x7f-\uffff]*"(?: (?="))?)*)\)/y
const parameter = /;([a-z*][a-z0-9_.*-]*)=(?:"((?:[^"\\\x00-\x1f\x7f-\uffff]|\\["\\])*)"|(-?\d{1,15}))/y
const bytes = /:([A-Za-z0-9+/]*={0,2}):/y
const comma = /[ \t]*,[ \t]*/y

/** The members of `Signature-Input`; undefined when it is not one, or names something twice. */
export function readSignatureInput(text: string): SignatureInput[] | undefined {
  return readDictionary(text, readInput)
}

/** The signatures of `Signature` by label, in base64. */
export function readSignatures(text: string): ReadonlyMap<string, string> | undefined {
  const members = readDictionary(text, (one, at, name) => {
    const match = matchAt(bytes, one, at)
    return match === undefined ? undefined : { value: [name, match[1]!] as const, end: at + match[0].length }
  })
  return members && new Map(members)
}

type Read<T> = (text: string, at: number, label: string) => { readonly value: T; readonly end: number } | undefined

function readDictionary<T>(text: string, read: Read<T>): T[] | undefined {
  if (text.length > maxCharacters) return undefined
  const members: T[] = []
  const labels = new Set<string>()
  for (let at = 0; ; ) {
    const name = matchAt(label, text, at)
    if (name === undefined || labels.has(name[1]!) || labels.size === maxLabels) return undefined
    labels.add(name[1]!)
    const member = read(text, at + name[0].length, name[1]!)
    if (member === undefined) return undefined
    members.push(member.value)
    if (member.end === text.length) return members
    const separator = matchAt(comma, text, member.end)
    if (separator === undefined) return undefined
    at = member.end + separator[0].length
  }
}

function readInput(text: string, start: number, name: string): { value: SignatureInput; end: number } | undefined {
  const list = matchAt(innerList, text, start)
  if (list === undefined) return undefined
  const components = list[1] === '' ? [] : list[1]!.slice(1, -1).split('" "')
  if (components.length > maxComponents || new Set(components).size !== components.length) return undefined
  const found = readParameters(text, start + list[0].length)
  if (found === undefined) return undefined
  const { texts, numbers, end } = found
  const value = {
    label: name, components, created: numbers.get('created'), expires: numbers.get('expires'), keyId: texts.get('keyid'),
    algorithm: texts.get('alg'), nonce: texts.get('nonce'), tag: texts.get('tag'), parameters: text.slice(start, end),
  }
  return { value, end }
}

/** Texts and whole numbers are all that signatures are described with. */
function readParameters(text: string, start: number) {
  const texts = new Map<string, string>()
  const numbers = new Map<string, number>()
  let at = start
  for (let match = matchAt(parameter, text, at); match !== undefined; match = matchAt(parameter, text, at)) {
    const [whole, name = '', quoted, digits] = match
    if (texts.has(name) || numbers.has(name)) return undefined
    if (quoted === undefined) numbers.set(name, Number(digits))
    else texts.set(name, quoted.replaceAll(/\\(["\\])/g, '$1'))
    at += whole.length
  }
  return { texts, numbers, end: at }
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at
  return pattern.exec(text) ?? undefined
}
