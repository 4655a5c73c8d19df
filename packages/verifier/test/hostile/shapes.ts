/** Tokens that are not one compact JWS in its one spelling. */
import { type HostileToken, hostile, type Minting, part } from './minting.ts'

export function hostileShapes({ good, parts, claims, token }: Minting): HostileToken[] {
  const [header, payload, signature] = parts
  return [
    ...hostile([
      ['nothing at all', '', 'token_not_compact'],
      ['a dot', '.', 'token_not_compact'],
      ['two dots', '..', 'token_unsigned'],
      ['three dots', '...', 'token_not_compact'],
      ['the word null', 'null', 'token_not_compact'],
      ['the word undefined', 'undefined', 'token_not_compact'],
      ['one part', header, 'token_not_compact'],
      ['two parts', `${header}.${payload}`, 'token_not_compact'],
      ['four parts', `${good}.AAAA`, 'token_not_compact'],
      ['a dot in front', `.${good}`, 'token_not_compact'],
      ['a dot behind', `${good}.`, 'token_not_compact'],
      ['several dots behind', `${good}...`, 'token_not_compact'],
      ['five parts, as encrypted tokens have', `${header}.AA.AA.AA.AA`, 'token_not_compact'],
      ['two tokens with a comma', `${good},${good}`, 'token_not_compact'],
      ['the scheme again', `Bearer ${good}`, 'token_bad_base64url'],
      ['more than 16 KiB', token(claims({ padding: 'x'.repeat(16_384) })), 'token_too_large'],
      ['16 KiB of dots', '.'.repeat(16_384), 'token_not_compact'],
      ['JSON serialisation, general', JSON.stringify({ payload, signatures: [{ protected: header, signature }] }), 'token_not_compact'],
      ['JSON serialisation, flattened', JSON.stringify({ protected: header, payload, signature }), 'token_not_compact'],
      ['parts that are not encoded', '{"alg":"none"}.{"sub":"admin"}.', 'token_bad_base64url'],
      ['no signature', `${header}.${payload}.`, 'token_unsigned'],
      ['a payload that is elsewhere (detached)', `${header}..${signature}`, 'payload_not_json'],
      ['no header', `.${payload}.${signature}`, 'header_not_json'],
    ]),
    ...unsignedTokens(payload),
    ...misspelt(good, parts),
  ]
}

/** RFC 8725 §3.2: no spelling of "none" makes a token good, with a signature or without. */
function unsignedTokens(payload: string): HostileToken[] {
  return ['none', 'None', 'NONE', 'nOnE', 'none ', ' none', 'none\0', 'null', 'HS256', 'RS256'].flatMap((alg) =>
    hostile([[`the algorithm ${JSON.stringify(alg)} and no signature`, `${part({ alg })}.${payload}.`, 'token_unsigned']]),
  )
}

const partNames = ['header', 'payload', 'signature'] as const

function misspelt(good: string, parts: Minting['parts']): HostileToken[] {
  const inPart = (what: string, change: (text: string) => string): HostileToken[] =>
    partNames.flatMap((name, index) => hostile([[`${what} in the ${name}`, parts.map((text, at) => (at === index ? change(text) : text)).join('.'), 'token_bad_base64url']]))
  const anywhere = (what: string, character: string): HostileToken[] =>
    hostile([
      [`${what} in front`, character + good, 'token_bad_base64url'],
      [`${what} behind`, good + character, 'token_bad_base64url'],
      [`${what} in the middle`, `${parts[0]}.${parts[1].slice(0, 7)}${character}${parts[1].slice(7)}.${parts[2]}`, 'token_bad_base64url'],
    ])
  return [
    ...inPart('padding', (text) => `${text}=`),
    ...inPart('a plus of plain base64', (text) => `+${text.slice(1)}`),
    ...inPart('a slash of plain base64', (text) => `/${text.slice(1)}`),
    ...inPart('a length that base64 never has', (text) => text.slice(0, text.length - ((text.length + 3) % 4)) || 'A'),
    ...inPart('a percent escape', (text) => `%65${text.slice(1)}`),
    ...anywhere('a space', ' '),
    ...anywhere('a tab', '\t'),
    ...anywhere('a line break', '\n'),
    ...anywhere('a carriage return', '\r'),
    ...anywhere('a NUL', '\0'),
    ...anywhere('a letter outside ASCII', 'é'),
    ...anywhere('a Cyrillic letter', 'е'),
    ...anywhere('a full-width letter', 'ａ'),
    ...anywhere('an emoji', '🔑'),
    ...anywhere('a zero-width space', '\u200b'),
    ...anywhere('a byte order mark', '\ufeff'),
    ...anywhere('a mark that turns the direction', '\u202e'),
    ...hostile([['stray bits at the end of the signature', `${parts[0]}.${parts[1]}.${strayBits(parts[2])}`, 'token_bad_base64url']]),
  ]
}

/** The same bytes spelt with the unused low bits of the last character set. */
function strayBits(text: string): string {
  return text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) + 1)
}
