/**
 * The config file behind `-c`: applied when what it says differs from what was last applied from a file, at start and
 * after each save. A file with problems changes nothing; the problems stand in the log and in `/v1/status`.
 */
import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf } from '@sluice/errors'
import type { Clock, Logger } from '@sluice/service-kit'
import type { CheckedFile, Validation } from '../validation/index.ts'
import { watchPath } from './watch-path.ts'

export interface ConfigSourceParts {
  readonly path: string
  /** Reads the file and checks it against what runs. */
  read(path: string): Promise<CheckedFile>
  readonly clock: Clock
  readonly logger: Logger
  /** The digest last applied from a file, by this process or one before it. */
  lastDigest(): Promise<string | undefined>
  /** Makes it a revision and answers its number. */
  apply(file: CheckedFile['file'], validation: Validation): Promise<number>
}

/** Why the process cannot start: a line for each problem, with its place. */
export class ConfigFileError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'ConfigFileError'
    this.problems = problems
  }
}

export interface ConfigSourceStatus {
  readonly path: string
  /** `waiting`: it is good, but what is needed to apply it is away. */
  readonly state: 'applied' | 'invalid' | 'waiting'
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
  /** Settings that differ from what runs until the process is started again. */
  readonly needsRestart: readonly string[]
  readonly appliedAt: string | null
}

const retryMs = 2000
/** What is needed at start is usually there at once; somebody else's start is worth a moment. */
const patienceMs = 10_000

export class ConfigSource {
  readonly #parts: ConfigSourceParts
  readonly #baseDirectory: string
  #status: ConfigSourceStatus
  #running: { stop(): void } | undefined
  #retry: NodeJS.Timeout | undefined
  #isReading = false
  #hasChanged = false
  #isStopped = false
  #atStart: ReturnType<typeof startOnly> | undefined

  constructor(parts: ConfigSourceParts) {
    this.#parts = parts
    const isFolder = statSync(parts.path, { throwIfNoEntry: false })?.isDirectory() === true
    this.#baseDirectory = resolve(isFolder ? parts.path : dirname(parts.path))
    this.#status = { path: parts.path, state: 'waiting', problems: [], warnings: [], needsRestart: [], appliedAt: null }
  }

  /** Reads the file without applying it. Throws `ConfigFileError`. */
  async check(): Promise<void> {
    const found = await this.#parts.read(this.#parts.path)
    if (found.problems.length > 0) throw new ConfigFileError(found.problems)
  }

  /** Applies the file and follows it from now on. Throws `ConfigFileError`; what is away is tried again for as long as it takes. */
  async start(): Promise<void> {
    const deadline = this.#parts.clock.monotonic() + patienceMs
    while (!(await this.#read(true)) && !this.#isStopped && this.#parts.clock.monotonic() < deadline) await sleep(200)
    if (this.#isStopped) return
    if (this.#status.state === 'waiting') this.#tryLater()
    this.#running = watchPath(this.#parts.path, () => void this.reread())
  }

  stop(): void {
    this.#isStopped = true
    this.#running?.stop()
    clearTimeout(this.#retry)
  }

  /** Where the file's relative paths start. */
  baseDirectory(): string {
    return this.#baseDirectory
  }

  status(): ConfigSourceStatus {
    return this.#status
  }

  /** Reads the file and applies what is new in it; once more when it is asked for meanwhile. */
  async reread(): Promise<void> {
    this.#hasChanged = true
    if (this.#isReading) return
    this.#isReading = true
    while (this.#hasChanged && !this.#isStopped) {
      this.#hasChanged = false
      if (!(await this.#read(false))) this.#tryLater()
    }
    this.#isReading = false
  }

  /** False: something that it needs is away. */
  async #read(isFirst: boolean): Promise<boolean> {
    const found = await this.#parts.read(this.#parts.path)
    if (found.problems.length > 0) {
      if (isFirst) throw new ConfigFileError(found.problems)
      this.#refuse(found)
      return true
    }
    this.#noteWarnings(found)
    return this.#apply(found, found.validation!)
  }

  async #apply({ file }: CheckedFile, validation: Validation): Promise<boolean> {
    const { logger, path } = this.#parts
    try {
      if ((await this.#parts.lastDigest()) !== file.digest) {
        const revision = await this.#parts.apply(file, validation)
        logger.info({ path, revision }, 'config file applied')
      }
      this.#status = { ...this.#status, state: 'applied', problems: [], appliedAt: new Date(this.#parts.clock.now()).toISOString() }
      return true
    } catch (error) {
      const isAway = codeOf(error).startsWith('dependency.')
      logger.error({ err: error, path }, isAway ? 'the config file cannot be applied yet' : 'the config file cannot be applied')
      this.#status = { ...this.#status, state: isAway ? 'waiting' : 'invalid', problems: [(error as Error).message] }
      return !isAway
    }
  }

  #refuse({ problems }: CheckedFile): void {
    for (const problem of problems) this.#parts.logger.error({ problem }, 'problem in the config file')
    this.#parts.logger.error({ problems: problems.length }, 'the config file is not applied; what runs stays')
    this.#status = { ...this.#status, state: 'invalid', problems }
  }

  #noteWarnings({ file, warnings }: CheckedFile): void {
    const now = startOnly(file.input)
    const atStart = (this.#atStart ??= now)
    const needsRestart = now.filter(([, value], index) => value !== atStart[index]?.[1]).map(([name]) => name)
    for (const name of needsRestart) this.#parts.logger.warn({ setting: name }, 'this setting takes effect at the next start')
    for (const warning of warnings) this.#parts.logger.warn({ warning }, 'warning of the config file')
    this.#status = { ...this.#status, warnings, needsRestart }
  }

  #tryLater(): void {
    clearTimeout(this.#retry)
    if (!this.#isStopped) this.#retry = setTimeout(() => void this.reread(), retryMs)
  }
}

/** What a running process does not take over: where its own doors are. */
function startOnly(input: unknown): [name: string, value: string][] {
  const at = (path: readonly string[]) => JSON.stringify(path.reduce<unknown>((inner, key) => (typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[key] : undefined), input) ?? null)
  return [['admin', at(['admin'])], ['telemetry.metrics', at(['telemetry', 'metrics'])]]
}
