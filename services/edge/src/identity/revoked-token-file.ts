/** Revoked tokens on the edge's disk, so that an edge that starts alone refuses them too. */
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import type { Revoked } from './revoked-tokens.ts'

export interface RevokedTokenFileParts {
  readonly path: string
  readonly logger: { warn(facts: object, message: string): void }
}

/** After one that was written: many that come at once are one write more. */
const pauseMs = 500
const document = z.array(z.object({ name: z.string(), beforeMs: z.number(), untilMs: z.number() }))

export class RevokedTokenFile {
  readonly #parts: RevokedTokenFileParts
  #pending: (() => readonly Revoked[]) | undefined
  #writing: Promise<void> | undefined
  #wake: (() => void) | undefined
  #isStopped = false

  constructor(parts: RevokedTokenFileParts) {
    this.#parts = parts
  }

  /** None when there is no file; a damaged one is logged, and then auth has to be asked. */
  async read(): Promise<readonly Revoked[]> {
    const { path, logger } = this.#parts
    try {
      return document.parse(JSON.parse(await readFile(path, 'utf8')))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') logger.warn({ path, reason: String(error) }, 'the copy of revoked tokens cannot be read; until auth is heard, tokens that were revoked pass')
      return []
    }
  }

  /** Written soon, as they are then. */
  save(all: () => readonly Revoked[]): void {
    this.#pending = all
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined
    })
  }

  /** What is to be written is, before it resolves. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#wake?.()
    await this.#writing
  }

  async #write(): Promise<void> {
    for (let all = this.#take(); all !== undefined; all = this.#take()) {
      await this.#replace(JSON.stringify(all())).catch((error: unknown) => this.#parts.logger.warn({ path: this.#parts.path, reason: String(error) }, 'revoked tokens could not be written'))
      if (!this.#isStopped) await this.#pause()
    }
  }

  #take(): (() => readonly Revoked[]) | undefined {
    const all = this.#pending
    this.#pending = undefined
    return all
  }

  async #pause(): Promise<void> {
    const pause = Promise.withResolvers<void>()
    const timer = setTimeout(pause.resolve, pauseMs).unref()
    this.#wake = pause.resolve
    await pause.promise
    clearTimeout(timer)
  }

  /** In one step: other workers of the edge write and read the same file. */
  async #replace(text: string): Promise<void> {
    const { path } = this.#parts
    const aside = `${path}.${randomUUID()}.tmp`
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    try {
      await writeFile(aside, text, { mode: 0o600, flush: true })
      await rename(aside, path)
    } catch (error) {
      await rm(aside, { force: true })
      throw error
    }
  }
}
