/** Letters, digits and the marks of RFC 9110 §5.6.2. */
const tokenCodes = new Uint8Array(128)
for (const character of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") tokenCodes[character.charCodeAt(0)] = 1

/** Whether `name` is a token, as a field's name, a method or a cookie's name must be. */
export function isFieldName(name: string): boolean {
  if (name.length === 0) return false
  for (let at = 0; at < name.length; at++) if (tokenCodes[name.charCodeAt(at)] !== 1) return false
  return true
}

/** Whether `name` is `lower` (in lower case), capitals or not. Makes no copy, as `toLowerCase` does: each message asks a dozen times. */
export function isNamed(name: string, lower: string): boolean {
  const { length } = lower
  if (name.length !== length) return false
  for (let at = 0; at < length; at++) {
    const code = name.charCodeAt(at)
    const wanted = lower.charCodeAt(at)
    if (code !== wanted && (code + 0x20 !== wanted || code < 0x41 || code > 0x5a)) return false
  }
  return true
}

/**
 * Whether `value` may be sent as a field's value (RFC 9110 §5.5): no CR, LF, NUL or other control character but the
 * tab, and nothing above one byte. Whatever a client, a token or a file brings into a field is checked by this.
 */
export function isFieldValue(value: string): boolean {
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at)
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) return false
  }
  return true
}
