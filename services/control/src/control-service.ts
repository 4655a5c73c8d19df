/** How control's rooms are put together, started and stopped. */
import { basename, resolve } from 'node:path'
import { codeOf } from '@sluice/errors'
import type { Health } from '@sluice/service-kit'
import { Tokens } from './admin/access.ts'
import type { AdminParts } from './admin/admin-parts.ts'
import { type AdminServer, createAdminServer } from './admin/admin-server.ts'
import { adminTokenIn } from './admin/admin-token.ts'
import { ConfigSource } from './config-source/config-source.ts'
import { RenewedFiles } from './config-source/renewed-files.ts'
import { ControlMetrics } from './control-metrics.ts'
import { Consumers } from './peers/consumers.ts'
import { Endpoints } from './peers/endpoints.ts'
import { Circuits } from './peers/circuits.ts'
import { Limits } from './peers/limits.ts'
import { putConsumers } from './peers/put-consumers.ts'
import { Usage } from './peers/usage.ts'
import { type Checking, readAnew, replaceConfig } from './revisions/changes.ts'
import { type Committed, RevisionLine } from './revisions/revision-line.ts'
import { revisionGoal } from './rollout/receipts.ts'
import { Rollout } from './rollout/rollout.ts'
import type { Control, ControlParts } from './control-parts.ts'
import { StoreWatch } from './store-watch.ts'
import { type CheckedFile, validateConfig, type Validation } from './validation/index.ts'

/** How long a revision is followed for the log's line on it, and how many at once. */
const followMs = 30_000
const maxFollowed = 20

export class ControlService implements Control {
  readonly #parts: ControlParts
  readonly #line: RevisionLine
  readonly #rollout: Rollout
  readonly #consumers: Consumers
  readonly #source: ConfigSource | undefined
  readonly #renewedFiles: RenewedFiles
  readonly #metrics: ControlMetrics
  readonly #storeWatch: StoreWatch
  #admin: AdminServer | undefined
  #isStopping = false
  #followed = 0

  constructor(parts: ControlParts) {
    const { bus, scope, store, clock, logger, metrics, signer } = parts
    this.#parts = parts
    this.#line = new RevisionLine({ store, scope, clock, onCommitted: (committed) => this.#committed(committed) })
    this.#rollout = new Rollout({ bus, scope, store, stored: this.#line.stored, clock, logger, signer })
    this.#consumers = new Consumers(bus, scope)
    this.#source = parts.configFile === undefined ? undefined : this.#sourceOf(parts.configFile)
    this.#renewedFiles = new RenewedFiles({ logger, values: async () => (await this.#line.stored.head())?.secrets, directories: () => this.#directories(), renew: (files) => this.#renew(files) })
    this.#metrics = new ControlMetrics(metrics, this.#rollout)
    this.#storeWatch = new StoreWatch({ store, logger, begin: () => this.#begin() })
  }

  async start(): Promise<void> {
    await this.#source?.check()
    const parts = this.#adminParts()
    await this.#storeWatch.start()
    if (this.#isStopping) return
    const admin = await createAdminServer(parts, this.#parts.admin)
    await admin.listen()
    this.#admin = admin
    this.#parts.logger.info({ url: admin.url() }, 'admin API listens')
  }

  async stop({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    this.#isStopping = true
    this.#storeWatch.stop()
    this.#source?.stop()
    this.#renewedFiles.stop()
    // Requests that wait for edges are answered with what is known.
    this.#rollout.stop()
    await this.#admin?.close(deadlineMs)
    this.#admin = undefined
  }

  health(): Health {
    const reasons: string[] = []
    if (this.#isStopping) reasons.push('draining')
    if (this.#parts.bus.status !== 'connected') reasons.push('the bus cannot be reached')
    if (!this.#storeWatch.isReached) reasons.push('the store cannot be reached')
    else if (this.#admin === undefined) reasons.push('the admin API does not listen yet')
    return { ready: reasons.length === 0, reasons }
  }

  adminUrl(): string {
    if (this.#admin === undefined) throw new Error('control has not been started')
    return this.#admin.url()
  }

  /** All that needs the store; runs again until it has been there for it. */
  async #begin(): Promise<void> {
    await this.#rollout.start()
    if (this.#source !== undefined) {
      await this.#source.start()
      // Only who follows a file is the one control whose folders count.
      this.#renewedFiles.start()
    } else if ((await this.#line.stored.head()) === undefined) await this.#beginEmpty()
  }

  /** Based on "no revision", so that it never takes the place of what another control has committed meanwhile. */
  async #beginEmpty(): Promise<void> {
    try {
      await this.#line.commit(replaceConfig(this.#checking(), { version: 1 }, { author: 'control', note: 'empty, to begin with', origin: 'api', ifMatch: 0 }))
      this.#parts.logger.info('there is no configuration yet: an empty one is served')
    } catch (error) {
      if (codeOf(error) !== 'config.revision_conflict') throw error
    }
  }

  #sourceOf(configFile: string): ConfigSource {
    const { environment, clock, logger, store, scope } = this.#parts
    return new ConfigSource({
      path: configFile,
      environment,
      clock,
      logger,
      lastDigest: async () => (await store.lastFromFile(scope))?.fileDigest,
      apply: (file, validation) => this.#applyFile(file, validation),
    })
  }

  async #applyFile(file: CheckedFile['file'], validation: Validation): Promise<number> {
    const { store, scope, clock } = this.#parts
    const checking = { ...this.#checking(), validate: async () => validation }
    const note = basename(file.path)
    const prepare = async () => void (await putConsumers(this.#consumers, validation.consumers ?? []))
    const { revision } = await this.#line.commit(replaceConfig(checking, file.input, { author: 'file', note, origin: 'file', isForced: true, fileDigest: file.digest, prepare }))
    await store.appendAudit({ scope, atMs: clock.now(), actor: 'file', action: `apply ${note}`, outcome: `revision ${revision}` })
    return revision
  }

  /** What came from the file is looked for beside it; what came by the API as the API does. */
  async #directories(): Promise<readonly string[]> {
    const { baseDirectory, otherDirectories } = this.#checking()
    const head = await this.#line.stored.head()
    return head?.record.origin === 'file' ? [...otherDirectories, baseDirectory] : [baseDirectory, ...otherDirectories]
  }

  async #renew(files: readonly string[]): Promise<number> {
    const { store, scope, clock } = this.#parts
    const [baseDirectory, ...otherDirectories] = await this.#directories()
    const note = `renewed ${files.map((file) => basename(file.slice('file:'.length))).join(', ')}`.slice(0, 200)
    const { revision } = await this.#line.commit(readAnew({ ...this.#checking(), baseDirectory: baseDirectory!, otherDirectories }, { author: 'file', note }))
    await store.appendAudit({ scope, atMs: clock.now(), actor: 'file', action: note, outcome: `revision ${revision}` })
    return revision
  }

  #committed({ revision, config, forcedRevision, at }: Committed): void {
    this.#rollout.announce({ revision, config, forcedRevision })
    this.#metrics.countCommit()
    if (this.#followed < maxFollowed) void this.#follow(revision, at)
  }

  async #follow(revision: number, at: number): Promise<void> {
    this.#followed++
    const { acknowledged, expected, missing, propagationMs } = await this.#rollout.waitFor(revisionGoal(revision), followMs, at)
    this.#followed--
    if (this.#isStopping) return
    if (expected === 0) return
    const effective = `revision ${revision}: ${acknowledged}/${expected} edges effective`
    if (propagationMs === undefined) return this.#parts.logger.warn({ revision, missing }, effective)
    this.#parts.logger.info({ revision, propagationMs }, `${effective} in ${propagationMs} ms`)
    this.#metrics.observePropagation(propagationMs)
  }

  #checking(): Checking {
    const { dataDirectory, environment } = this.#parts
    const folder = this.#source?.baseDirectory()
    return { validate: validateConfig, environment, baseDirectory: resolve(dataDirectory), otherDirectories: folder === undefined ? [] : [folder] }
  }

  #adminParts(): AdminParts {
    const { bus, scope, store, clock, logger, controlToken } = this.#parts
    return {
      scope, bus, store, clock, logger,
      tokens: new Tokens({ admin: this.#adminToken(), edge: controlToken }),
      line: this.#line,
      rollout: this.#rollout,
      checking: this.#checking(),
      consumers: this.#consumers,
      endpoints: new Endpoints(bus, scope),
      usage: new Usage(bus, scope),
      limits: new Limits(bus, scope),
      circuits: new Circuits(bus, scope),
      status: () => ({ file: this.#source?.status() ?? null, bus: bus.status, store: this.#storeWatch.isReached ? 'reached' : 'away' }),
    }
  }

  #adminToken(): string {
    const { adminToken, dataDirectory, logger } = this.#parts
    if (adminToken !== undefined) {
      if (adminToken.length < 16) logger.warn('the admin token is short enough to be guessed; `openssl rand -hex 32` makes a good one')
      return adminToken
    }
    const { token, path, made } = adminTokenIn(dataDirectory)
    logger.info({ path }, made ? 'an admin token was made' : 'the admin token is in its file')
    return token
  }
}
