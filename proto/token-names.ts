/** Names that tokens are revoked under: those with one `jti`, or all of a subject, of one issuer. An issuer that tokens do not name is ''. */
export interface RevokedToken {
  readonly issuer: string
  /** One of the two is there. */
  readonly jti?: string
  readonly subject?: string
}

/** What such names begin with. */
export const tokenNamePrefix = 'token:'

export function nameOfToken(issuer: string, jti: string): string {
  return tokenNamePrefix + JSON.stringify(['jti', issuer, jti])
}

export function nameOfSubject(issuer: string, subject: string): string {
  return tokenNamePrefix + JSON.stringify(['sub', issuer, subject])
}

/** What a name says; undefined when it is none. */
export function readTokenName(name: string): RevokedToken | undefined {
  if (!name.startsWith(tokenNamePrefix)) return undefined
  const [kind, issuer, value] = JSON.parse(name.slice(tokenNamePrefix.length)) as [string, string, string]
  return kind === 'jti' ? { issuer, jti: value } : { issuer, subject: value }
}
