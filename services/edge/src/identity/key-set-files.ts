/** Key sets on the edge's disk: public keys, beside the snapshot, so that an edge that starts alone verifies tokens. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface KeySetDocument {
  /** The JWKS document's text. */
  readonly jwks: string
  /** SHA-256 of it, lower-case hex. */
  readonly digest: string
  readonly fetchedAtMs: number
}

export class KeySetFiles {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  /** The copy of the set at `uri`; undefined when there is none, or it is not what was written. */
  async read(uri: string): Promise<KeySetDocument | undefined> {
    try {
      const copy = JSON.parse(await readFile(this.#path(uri), 'utf8')) as Record<string, unknown>
      const { jwks, digest, fetchedAtMs } = copy
      if (copy.uri !== uri || typeof jwks !== 'string' || typeof fetchedAtMs !== 'number' || digest !== digestOf(jwks)) return undefined
      return { jwks, digest, fetchedAtMs }
    } catch {
      return undefined
    }
  }

  /** Replaces the copy in one step: other workers of the edge write and read the same file. */
  async write(uri: string, document: KeySetDocument): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    const path = this.#path(uri)
    const aside = `${path}.${randomUUID()}.tmp`
    try {
      await writeFile(aside, JSON.stringify({ uri, ...document }), { mode: 0o600, flush: true })
      await rename(aside, path)
    } catch (error) {
      await rm(aside, { force: true })
      throw error
    }
  }

  #path(uri: string): string {
    return join(this.#directory, `${digestOf(uri)}.json`)
  }
}

export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
