/** Tokens that are given out besides the admin token, from a file that holds their digests: read again when it changes. */
import { readFileSync, statSync } from 'node:fs'
import { resourceName } from '@sluice/proto/config'
import { type Logger, SettingsError } from '@sluice/service-kit'
import { z } from 'zod'
import type { KnownToken } from './access.ts'

const entry = z.strictObject({
  name: resourceName.refine((name) => name !== 'admin' && name !== 'edge', 'a name of its own'),
  role: z.enum(['viewer', 'operator', 'admin'], 'viewer, operator or admin'),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'SHA-256 of the token, in lower-case hexadecimal'),
  expires: z.iso.datetime({ offset: true, message: 'an instant such as "2027-01-31T00:00:00Z"' }).optional(),
})
const content = z.array(entry).max(1000)

const maxBytes = 1024 * 1024

export class TokenFile {
  readonly #path: string
  readonly #logger: Logger
  #look = ''
  #tokens: readonly KnownToken[] = []

  /** Reads it. A file that is not there holds no tokens. Throws a `SettingsError` for one that is wrong. */
  constructor(path: string, setting: string, logger: Logger) {
    this.#path = path
    this.#logger = logger
    const look = this.#lookNow()
    if (look === '') return
    try {
      this.#tokens = this.#read()
      this.#look = look
    } catch (error) {
      throw new SettingsError([`${setting}: ${path}: ${(error as Error).message}`])
    }
  }

  /** Those that are in it now; a file that was made wrong leaves those from before, and is told once. */
  tokens(): readonly KnownToken[] {
    const look = this.#lookNow()
    if (look === this.#look) return this.#tokens
    this.#look = look
    try {
      this.#tokens = look === '' ? [] : this.#read()
      this.#logger.info({ path: this.#path, tokens: this.#tokens.length }, 'the tokens of the admin API were read anew')
    } catch (error) {
      this.#logger.error({ path: this.#path, problem: (error as Error).message }, 'the tokens of the admin API cannot be read; those from before stay')
    }
    return this.#tokens
  }

  #lookNow(): string {
    const found = statSync(this.#path, { throwIfNoEntry: false })
    return found === undefined ? '' : `${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`
  }

  #read(): KnownToken[] {
    const text = readFileSync(this.#path, 'utf8')
    if (text.length > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`)
    const parsed = content.safeParse(parseJson(text))
    if (!parsed.success) throw new Error(wordsOf(parsed.error.issues[0]!))
    const names = parsed.data.map(({ name }) => name)
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    if (twice !== undefined) throw new Error(`"${twice}" stands in it twice`)
    return parsed.data.map(({ name, role, sha256, expires }) => ({ name, role, digest: Buffer.from(sha256, 'hex'), expiresAtMs: expires === undefined ? undefined : Date.parse(expires) }))
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('it is no JSON; expected a list such as [{ "name": "ci", "role": "operator", "sha256": "…" }]')
  }
}

function wordsOf({ path, message }: { path: readonly PropertyKey[]; message: string }): string {
  return path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`
}
