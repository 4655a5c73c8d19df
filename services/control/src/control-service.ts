/** How control's rooms are put together, started and stopped. */
import { join } from 'node:path'
import type { Subscription } from '@sluice/buses/bus'
import type { Health } from '@sluice/service-kit'
import { Tokens } from './admin/access.ts'
import type { AdminParts } from './admin/admin-parts.ts'
import { type AdminServer, createAdminServer } from './admin/admin-server.ts'
import { adminTokenOf } from './admin/admin-token.ts'
import { TokenFile } from './admin/token-file.ts'
import { BreakGlass } from './break-glass/break-glass.ts'
import { ConfigSource } from './config-source/config-source.ts'
import { ControlMetrics } from './control-metrics.ts'
import { Consumers } from './peers/consumers.ts'
import { Endpoints } from './peers/endpoints.ts'
import { followCacheEvents } from './peers/cache-events.ts'
import { CachePurges } from './peers/cache-purges.ts'
import { Circuits } from './peers/circuits.ts'
import { Limits } from './peers/limits.ts'
import { QuotaEvents } from './peers/quota-events.ts'
import { TokenRevocations } from './peers/token-revocations.ts'
import { Usage } from './peers/usage.ts'
import { type Committed, RevisionLine } from './revisions/revision-line.ts'
import { FollowedRevisions } from './rollout/followed-revisions.ts'
import { Rollout } from './rollout/rollout.ts'
import { rolloutSettings } from '@sluice/proto/config'
import type { Change } from './revisions/changes.ts'
import type { WrittenDocument } from './revisions/resources.ts'
import type { Ring } from './revisions/stored-body.ts'
import type { StoredRevision } from './revisions/stored-revisions.ts'
import type { Control, ControlParts } from './control-parts.ts'
import { OwnChanges } from './own-changes.ts'
import { rollBack } from './revisions/changes.ts'
import { ringEdges } from './rollout/ring-edges.ts'
import { Rings } from './rollout/rings.ts'
import { RenewedValues } from './secret-sources/renewed-values.ts'
import { SecretSources } from './secret-sources/secret-sources.ts'
import { StoreWatch } from './store-watch.ts'

export class ControlService implements Control {
  readonly #parts: ControlParts
  readonly #line: RevisionLine
  readonly #rollout: Rollout
  readonly #consumers: Consumers
  readonly #quotaEvents: QuotaEvents
  readonly #cachePurges: CachePurges
  readonly #source: ConfigSource | undefined
  readonly #sources: SecretSources
  readonly #own: OwnChanges
  readonly #tokenFile: TokenFile
  readonly #renewedValues: RenewedValues
  readonly #rings: Rings
  readonly #metrics: ControlMetrics
  readonly #followed: FollowedRevisions
  readonly #storeWatch: StoreWatch
  readonly #breakGlass: BreakGlass
  #admin: AdminServer | undefined
  #cacheEvents: Subscription | undefined
  #isStopping = false

  constructor(parts: ControlParts) {
    const { bus, scope, store, clock, logger, metrics, signer, sealing, environment, dataDirectory } = parts
    this.#parts = parts
    this.#line = new RevisionLine({ store, scope, sealing, clock, onCommitted: (committed) => this.#committed(committed), ringOf: (change, document, head) => this.#ringOf(change, document, head) })
    this.#rollout = new Rollout({ bus, scope, store, stored: this.#line.stored, clock, logger, signer })
    this.#consumers = new Consumers(bus, scope)
    this.#quotaEvents = new QuotaEvents({ bus, scope, store, logger })
    this.#cachePurges = new CachePurges({ bus, scope, clock, logger, liveEdges: () => this.#liveEdges() })
    this.#source = parts.configFile === undefined ? undefined : this.#sourceOf(parts.configFile)
    this.#sources = new SecretSources({ environment, sealing, now: () => clock.monotonic(), onState: (name, fault) => this.#tellOfStore(name, fault), onToken: (name, fault) => this.#tellOfToken(name, fault) })
    this.#own = new OwnChanges({ line: this.#line, store, scope, clock, logger, consumers: this.#consumers, sources: this.#sources, dataDirectory, fileDirectory: () => this.#source?.baseDirectory() })
    this.#tokenFile = new TokenFile(parts.adminTokensFile ?? join(dataDirectory, 'admin-tokens.json'), parts.adminTokensFile === undefined ? 'the data directory' : 'SLUICE_ADMIN_TOKENS', logger)
    this.#renewedValues = this.#watchValues()
    this.#rings = this.#watchRings()
    this.#metrics = new ControlMetrics(metrics, { rollout: this.#rollout, sources: this.#sources })
    this.#followed = new FollowedRevisions({ rollout: this.#rollout, logger, observePropagation: (ms) => this.#metrics.observePropagation(ms) })
    this.#storeWatch = new StoreWatch({ store, logger, begin: () => this.#begin() })
    this.#breakGlass = new BreakGlass({
      bus, scope, store, clock, logger, signer,
      datacenter: parts.datacenter ?? '',
      directory: dataDirectory,
      head: () => this.#rollout.head(),
      liveEdges: () => this.#liveEdges(),
      isStoreReached: () => this.#storeWatch.isReached,
    })
  }

  async start(): Promise<void> {
    await this.#source?.check()
    const parts = this.#adminParts()
    this.#quotaEvents.start()
    this.#startPurges()
    await this.#breakGlass.start()
    await this.#storeWatch.start()
    if (this.#isStopping) return
    const admin = await createAdminServer(parts, this.#parts.admin)
    await admin.listen()
    this.#admin = admin
    this.#parts.logger.info({ url: admin.url() }, 'admin API listens')
  }

  async stop({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    this.#isStopping = true
    this.#followed.stop()
    this.#storeWatch.stop()
    this.#quotaEvents.stop()
    this.#cacheEvents?.unsubscribe()
    this.#cachePurges.stop()
    await this.#breakGlass.stop()
    this.#source?.stop()
    this.#renewedValues.stop()
    this.#rings.stop()
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
    await this.#quotaEvents.recall()
    if (this.#source !== undefined) await this.#source.start()
    else await this.#own.beginEmpty()
    this.#renewedValues.start()
    this.#rings.start()
  }

  #startPurges(): void {
    const { bus, scope, logger } = this.#parts
    this.#cachePurges.start()
    this.#cacheEvents = followCacheEvents({ bus, scope, logger, purges: this.#cachePurges })
  }

  #sourceOf(configFile: string): ConfigSource {
    const { clock, logger, store, scope } = this.#parts
    return new ConfigSource({
      path: configFile,
      read: (path) => this.#own.readFile(path),
      clock,
      logger,
      lastDigest: async () => (await store.lastFromFile(scope))?.fileDigest,
      apply: (file, validation) => this.#own.applyFile(file, validation),
    })
  }

  #watchValues(): RenewedValues {
    const { logger, clock, secretRefreshMs = 60_000, isOnly = false } = this.#parts
    return new RenewedValues({
      logger,
      sources: this.#sources,
      now: () => clock.monotonic(),
      storesEveryMs: secretRefreshMs,
      isOnly,
      head: async () => {
        const head = await this.#line.stored.head()
        return head && { values: head.secrets, committedAtMs: head.record.committedAtMs }
      },
      directories: () => this.#own.directories(),
      renew: (references) => this.#own.renew(references),
    })
  }

  #tellOfStore(name: string, fault: string | undefined): void {
    if (fault === undefined) this.#parts.logger.info({ store: name }, 'the store of secrets is reached')
    else this.#parts.logger.warn({ store: name, problem: fault }, 'a store of secrets cannot be asked; values from before stay')
  }

  #tellOfToken(name: string, fault: string | undefined): void {
    if (fault === undefined) this.#parts.logger.info({ store: name }, 'the token that the store of secrets is asked with is good for a while')
    else this.#parts.logger.warn({ store: name, problem: fault }, 'the token that a store of secrets is asked with cannot be kept from running out')
  }

  /** On which edges a change is tried first: those of the first ring, unless that is everybody. */
  #ringOf({ goes }: Change, { rollout }: WrittenDocument, head: StoredRevision | undefined): Ring | undefined {
    if (goes === 'everywhere' || head === undefined) return undefined
    if (goes === 'along') return head.ring
    const [first] = rolloutSettings.parse(rollout ?? {}).rings
    const edges = first && ringEdges(this.#liveEdges().map(({ name }) => name), first)
    return edges && { index: 0, edges, stable: head.ring?.stable ?? head.record.revision }
  }

  #liveEdges() {
    return this.#rollout.edges().filter(({ state }) => state === 'live')
  }

  #watchRings(): Rings {
    const { logger, clock } = this.#parts
    return new Rings({
      clock,
      logger,
      head: () => this.#line.stored.head(),
      liveEdges: () => this.#liveEdges(),
      settingsOf: ({ document }) => rolloutSettings.parse(document.rollout ?? {}),
      moveOn: async (revision, ring, note) => void (await this.#line.moveOn(revision, ring, { author: 'control', note })),
      takeBack: async (from, to, note) => void (await this.#line.commit(rollBack(this.#own.checking(), await this.#line.stored.read(to), { author: 'control', note, ifMatch: from }))),
    })
  }

  #committed({ revision, config, forcedRevision, ring, stable, at }: Committed): void {
    this.#rollout.announce({ revision, config, forcedRevision, ring, stable: stable && { ...stable, revision: stable.record.revision } })
    this.#metrics.countCommit()
    void this.#followed.follow(revision, at, ring?.edges)
  }

  #adminParts(): AdminParts {
    const { bus, scope, store, clock, logger, sealing, controlToken } = this.#parts
    return {
      scope, bus, store, clock, logger, sealing,
      tokens: new Tokens({ admin: adminTokenOf(this.#parts), edge: controlToken, others: () => this.#tokenFile.tokens(), now: () => clock.now() }),
      line: this.#line,
      rollout: this.#rollout,
      checking: this.#own.checking(),
      consumers: this.#consumers,
      endpoints: new Endpoints(bus, scope),
      usage: new Usage(bus, scope),
      tokenRevocations: new TokenRevocations(bus, scope),
      limits: new Limits(bus, scope),
      quotaEvents: this.#quotaEvents,
      circuits: new Circuits(bus, scope),
      cachePurges: this.#cachePurges,
      breakGlass: this.#breakGlass,
      status: () => ({ rollout: this.#rings.state() ?? null, file: this.#source?.status() ?? null, bus: bus.status, store: this.#storeWatch.isReached ? 'reached' : 'away', secretStores: Object.fromEntries(this.#sources.states().map(({ kind, isUp, isTokenEnding }) => [kind, !isUp ? 'away' : isTokenEnding ? 'token-ending' : 'reached'])) }),
    }
  }
}
