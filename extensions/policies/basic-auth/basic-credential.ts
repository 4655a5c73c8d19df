/** A user name and password as `Authorization: Basic` carries them (RFC 7617), read strictly: one spelling each. */
export interface BasicCredential {
  readonly username: string
  readonly password: string
}

const maxCharacters = 2048
const maxUsername = 256
const maxPassword = 1024
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
// RFC 7617 §2: neither of the two holds control characters, the name no colon.
const control = /\p{Cc}/u

/**
 * What `value` holds; undefined when it is of another scheme, 'malformed' when nobody's name and password look so. Costs
 * about a microsecond.
 */
export function readBasic(value: string): BasicCredential | 'malformed' | undefined {
  if (value.slice(0, 5).toLowerCase() !== 'basic' || (value.length > 5 && value.charCodeAt(5) !== 0x20)) return undefined
  const encoded = value.slice(6).trim()
  if (encoded.length > maxCharacters) return 'malformed'
  const bytes = Buffer.from(encoded, 'base64')
  // Node reads past what is no base64; only what is written back as it came is one spelling.
  if (bytes.toString('base64') !== encoded) return 'malformed'
  const text = decode(bytes)
  const colon = text?.indexOf(':') ?? -1
  if (text === undefined || colon < 0 || control.test(text)) return 'malformed'
  const [username, password] = [text.slice(0, colon), text.slice(colon + 1)]
  const fits = username !== '' && password !== '' && username.length <= maxUsername && password.length <= maxPassword
  return fits ? { username, password } : 'malformed'
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}
