/** What control commits of its own accord: the config file, values that were renewed, and an empty beginning. */
import { basename, resolve } from 'node:path'
import type { ConfigStore } from '@sluice/config-stores/config-store'
import { codeOf } from '@sluice/errors'
import type { Clock, Logger } from '@sluice/service-kit'
import type { Consumers } from './peers/consumers.ts'
import { putConsumers } from './peers/put-consumers.ts'
import { type Checking, readAnew, replaceConfig, withCertificatesOf } from './revisions/changes.ts'
import type { RevisionLine } from './revisions/revision-line.ts'
import type { SecretSources } from './secret-sources/secret-sources.ts'
import { type CheckedFile, checkConfigFile, validateConfig, type Validation } from './validation/index.ts'

export interface OwnChangesParts {
  readonly line: RevisionLine
  readonly store: ConfigStore
  readonly scope: string
  readonly clock: Clock
  readonly logger: Logger
  readonly consumers: Consumers
  readonly sources: SecretSources
  readonly dataDirectory: string
  /** Where relative paths of the config file start; undefined: there is none. */
  fileDirectory(): string | undefined
}

export class OwnChanges {
  readonly #parts: OwnChangesParts

  constructor(parts: OwnChangesParts) {
    this.#parts = parts
  }

  /** How what is sent to the admin API is checked: relative paths start in the data directory, then in the file's folder. */
  checking(): Checking {
    const { dataDirectory, sources, fileDirectory } = this.#parts
    const folder = fileDirectory()
    return { validate: validateConfig, sources, baseDirectory: resolve(dataDirectory), otherDirectories: folder === undefined ? [] : [folder] }
  }

  /** Reads and checks the config file; what a store of secrets that is away had said stays, as in a change. */
  async readFile(path: string): Promise<CheckedFile> {
    const { line, store, scope, sources } = this.#parts
    const [head, last] = await Promise.all([line.stored.head().catch(() => undefined), store.lastFromFile(scope).catch(() => undefined)])
    return checkConfigFile(path, { sources, isKnown: (digest) => digest === last?.fileDigest, lastValues: head?.secrets, keepsOnlyAway: true, complete: (input) => (head === undefined ? input : withCertificatesOf(head.document, input)) })
  }

  /** Makes the file a revision and answers its number. */
  async applyFile(file: CheckedFile['file'], validation: Validation): Promise<number> {
    const { line, consumers } = this.#parts
    // Certificates that it does not name may have changed since it was checked.
    const isChecked = (edited: unknown) => (edited as { certificates?: unknown }).certificates === validation.document?.certificates
    const checking: Checking = { ...this.checking(), validate: async (edited, parts) => (isChecked(edited) ? validation : validateConfig(edited, { ...parts, baseDirectory: file.baseDirectory })) }
    const note = basename(file.path)
    const prepare = async () => void (await putConsumers(consumers, validation.consumers ?? []))
    const { revision } = await line.commit(replaceConfig(checking, file.input, { author: 'file', note, origin: 'file', isForced: true, fileDigest: file.digest, prepare }))
    await this.#audit('file', `apply ${note}`, revision)
    return revision
  }

  /** Reads these references of the head anew, and answers the revision that has their values. */
  async renew(references: readonly string[]): Promise<number> {
    const { line } = this.#parts
    const [baseDirectory, ...otherDirectories] = await this.directories()
    const note = `renewed ${references.map((reference) => (reference.startsWith('file:') ? basename(reference.slice('file:'.length)) : reference)).join(', ')}`.slice(0, 200)
    const touches = await line.usersOf(references)
    const { revision } = await line.commit(readAnew({ ...this.checking(), baseDirectory: baseDirectory!, otherDirectories }, { author: 'control', note, touches }))
    await this.#audit('control', note, revision)
    return revision
  }

  /** What came from the file is looked for beside it; what came by the API as the API does. */
  async directories(): Promise<readonly string[]> {
    const { baseDirectory, otherDirectories } = this.checking()
    const head = await this.#parts.line.stored.head()
    return head?.record.origin === 'file' ? [...otherDirectories, baseDirectory] : [baseDirectory, ...otherDirectories]
  }

  /** Based on "no revision", so that it never takes the place of what another control has committed meanwhile. */
  async beginEmpty(): Promise<void> {
    const { line, logger } = this.#parts
    if ((await line.stored.head()) !== undefined) return
    try {
      await line.commit(replaceConfig(this.checking(), { version: 1 }, { author: 'control', note: 'empty, to begin with', origin: 'api', ifMatch: 0 }))
      logger.info('there is no configuration yet: an empty one is served')
    } catch (error) {
      if (codeOf(error) !== 'config.revision_conflict') throw error
    }
  }

  async #audit(actor: string, action: string, revision: number): Promise<void> {
    const { store, scope, clock } = this.#parts
    await store.appendAudit({ scope, atMs: clock.now(), actor, action, outcome: `revision ${revision}` })
  }
}
