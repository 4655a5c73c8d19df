/**
 * Certificates, keys and lists of revoked ones are renewed by other programs, which change the files and not the
 * configuration that names them. The files behind the head's references are read now and then; when one holds something
 * else, the references are read anew, as a revision of its own. A key that does not fit its certificate yet is no
 * revision: the next look finds both.
 */
import type { Logger } from '@sluice/service-kit'
import { readReference } from '../validation/reference-values.ts'

export interface RenewedFilesParts {
  readonly logger: Logger
  /** The head's references with their values; undefined: there is no head. */
  values(): Promise<Readonly<Record<string, string>> | undefined>
  /** Relative paths are looked for in these folders, in this order. */
  directories(): Promise<readonly string[]>
  /** Makes a revision with the references read anew and answers its number; `renewed` are those that are known to differ. */
  renew(renewed: readonly string[]): Promise<number>
}

const lookMs = 5000

export class RenewedFiles {
  readonly #parts: RenewedFilesParts
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  #toldProblem = ''

  constructor(parts: RenewedFilesParts) {
    this.#parts = parts
  }

  start(): void {
    if (this.#isStopped) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#lookOn(), lookMs).unref()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  async #lookOn(): Promise<void> {
    await this.look()
    this.start()
  }

  /** Compares the files with what was read last; never rejects. */
  async look(): Promise<void> {
    const { logger, renew } = this.#parts
    try {
      const renewed = await this.#renewed()
      if (renewed.length === 0) return
      const revision = await renew(renewed)
      this.#toldProblem = ''
      logger.info({ files: renewed, revision }, 'renewed files are taken')
    } catch (error) {
      // Told once: half of a renewal, or a store that is away, is looked at again in a moment.
      const problem = (error as Error).message
      if (problem !== this.#toldProblem) logger.warn({ problem }, 'renewed files cannot be taken yet; what runs stays')
      this.#toldProblem = problem
    }
  }

  async #renewed(): Promise<string[]> {
    const values = (await this.#parts.values()) ?? {}
    const files = Object.entries(values).filter(([reference, value]) => reference.startsWith('file:') && value.includes('-----BEGIN '))
    if (files.length === 0) return []
    const directories = await this.#parts.directories()
    const renewed: string[] = []
    for (const [reference, value] of files) {
      const outcome = await readReference(reference, { environment: {}, directories })
      if ('value' in outcome && outcome.value !== value) renewed.push(reference)
    }
    return renewed
  }
}
