/**
 * Why a token is refused. The names are for access records, metrics and `explain`; a client is told no more than that
 * a valid credential is needed.
 */
export const refusals = {
  token_too_large: 'The token is longer than 16 KiB',
  token_not_compact: 'The token does not have the three parts of a compact JWS',
  token_bad_base64url: 'A part is not base64url in its one canonical spelling',
  token_unsigned: 'The token has no signature',
  header_not_json: 'The header is not UTF-8 JSON',
  header_not_object: 'The header is not a JSON object',
  header_duplicate_member: 'The header names a member twice',
  header_no_algorithm: 'The header has no `alg`, or one that is no text',
  header_critical: 'The header demands an extension with `crit`',
  header_unencoded_payload: 'The header asks for an unencoded payload with `b64`',
  header_brings_key: 'The header brings a key of its own or an address of one (`jwk`, `jku`, `x5u`, `x5c`)',
  header_bad_kid: 'The `kid` is no text, or longer than 256 characters',
  header_bad_type: 'The `typ` is no text, or that of a token for another use',
  payload_not_json: 'The payload is not UTF-8 JSON',
  payload_not_object: 'The payload is not a JSON object',
  payload_duplicate_member: 'The payload names a member twice',
  payload_bad_date: 'The `exp`, `nbf` or `iat` is not a finite number',
  algorithm_unknown: 'The algorithm is not one that is accepted anywhere',
  algorithm_not_allowed: 'The algorithm is not one of those that the rules allow',
  expired: 'The token has expired',
  not_yet_valid: 'The token is not valid yet',
  issued_in_future: 'The token was issued in the future',
  wrong_issuer: 'The issuer is not the one that the rules name',
  wrong_audience: 'The token is meant for others',
  claim_missing: 'A required claim is missing',
  claim_mismatch: 'A required claim has another value',
  key_unknown: 'No key of the issuer fits the token',
  bad_signature: 'The signature does not fit',
} as const satisfies Record<string, string>

export type TokenRefusal = keyof typeof refusals
