/**
 * JSON objects whose members have distinct names, at every depth. `JSON.parse` keeps the last of two members of one
 * name, other readers the first: a token with both means two things (RFC 7515 §4, RFC 7519 §4 ask for refusal).
 */
export type StrictObject = Record<string, unknown>
export type StrictResult = { readonly object: StrictObject } | { readonly problem: 'not_json' | 'not_object' | 'duplicate_member' }

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads `bytes` as one UTF-8 JSON object; numbers beyond a double come out infinite, as `JSON.parse` has them. */
export function parseStrictObject(bytes: Uint8Array): StrictResult {
  let text: string
  let value: unknown
  try {
    text = decoder.decode(bytes)
    value = JSON.parse(text)
  } catch {
    return { problem: 'not_json' }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { problem: 'not_object' }
  return hasDuplicateMember(text) ? { problem: 'duplicate_member' } : { object: value as StrictObject }
}

/** `text` is known to be JSON, so that quotes, braces and commas are where the grammar wants them. No recursion. */
function hasDuplicateMember(text: string): boolean {
  const names: (Set<string> | undefined)[] = []
  let expectsName = false
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at)
    if (character === quote) {
      const end = endOfString(text, at)
      if (expectsName && !addName(names.at(-1)!, text.slice(at, end))) return true
      expectsName = false
      at = end - 1
    } else if (character === openBrace || character === openBracket) {
      names.push(character === openBrace ? new Set() : undefined)
      expectsName = character === openBrace
    } else if (character === closeBrace || character === closeBracket) {
      names.pop()
      expectsName = false
    } else if (character === comma) {
      expectsName = names.at(-1) !== undefined
    }
  }
  return false
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d

/** The index behind the closing quote. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text.charCodeAt(at) !== quote) at += text.charCodeAt(at) === backslash ? 2 : 1
  return at + 1
}

/** Names are compared as what they mean: `"alg"` and `"\u0061lg"` are the same. */
function addName(names: Set<string>, quoted: string): boolean {
  const name = quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1)
  if (names.has(name)) return false
  names.add(name)
  return true
}
