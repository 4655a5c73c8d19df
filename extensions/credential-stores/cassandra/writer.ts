/**
 * How a write is done. The log is the truth, the rows follow it:
 *   1. what the log has and the rows have not is done first, whoever left it;
 *   2. the write is planned from the rows;
 *   3. what it will do to the rows is stored as an intent;
 *   4. one conditional batch appends it to the log, if the head is still that of step 1: now it is done, for ever;
 *   5. the rows are brought after, taking away first; then the version is known as applied.
 * A crash before 4 leaves an intent that nobody will read; the write never was. A crash after 4 leaves rows that are
 * behind the log, which every reader sees (head > applied) and makes up before it answers: a key whose revocation is in
 * the log is never answered for, and a version that edges can hear of is one that lookups obey.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { errors } from 'cassandra-driver'
import type { ConsumersChange } from '../consumer-changes.ts'
import type { ChangeLog, Head, LogEntry } from './change-log.ts'
import { CALL_TIMEOUT_MS } from '@sluice/databases/answer'
import type { Connection } from '@sluice/databases/cassandra-connection'
import type { ConsumerRows } from './consumer-rows.ts'
import { dropIntent, intentOf, readIntent, writeIntent, type Intent } from './intents.ts'

const MAX_REMEMBERED_SCOPES = 10_000

interface ScopeState {
  /** The rows have all up to this version. */
  applied: number
  rolling: Promise<void> | undefined
  lastWrite: Promise<unknown>
}

export class Writer {
  readonly #connection: Connection
  readonly #log: ChangeLog
  readonly #rows: ConsumerRows
  readonly #scopes = new Map<string, ScopeState>()

  constructor(connection: Connection, log: ChangeLog, rows: ConsumerRows) {
    this.#connection = connection
    this.#log = log
    this.#rows = rows
  }

  /** Brings the rows up to the log's head. Answers whether they may have been behind when this was called. */
  async catchUp(scope: string): Promise<boolean> {
    // As it is before asking: what a caller reads meanwhile is no newer than that.
    const { applied } = this.#stateOf(scope)
    const head = await this.#log.head(scope)
    await this.#rollForward(scope, head)
    return head.version > applied
  }

  /**
   * Does the change that `plan` makes of the rows, and answers the new version; planned again when another writer was
   * first. Answers what `plan` answers when that is no change. One at a time per scope here, so that only instances
   * compete; gives up when the time of a call is over.
   */
  write<T>(scope: string, plan: () => Promise<ConsumersChange | { answer: T }>): Promise<number | T> {
    const state = this.#stateOf(scope)
    const deadline = performance.now() + CALL_TIMEOUT_MS
    const turn = state.lastWrite.then(async () => {
      while (performance.now() < deadline) {
        const head = await this.#log.head(scope, { serial: true })
        await this.#rollForward(scope, head)
        const planned = await plan()
        if ('answer' in planned) return planned.answer
        const version = await this.#tryWrite(scope, head, planned, deadline)
        if (version !== undefined) return version
      }
      throw new Error('too many writers at once')
    })
    state.lastWrite = turn.catch(() => {})
    return turn
  }

  /** Undefined when another writer was first. */
  async #tryWrite(scope: string, head: Head, change: ConsumersChange, deadline: number): Promise<number | undefined> {
    const upto = head.version + change.changes.length
    if (upto === head.version) return upto
    const entry: LogEntry = { version: head.version + 1, upto, changeId: randomUUID(), changes: change.changes }
    const intent = intentOf(change)
    const name = { scope, version: entry.version, changeId: entry.changeId }
    await writeIntent(this.#connection, name, intent)
    if (!(await this.#appendForSure(scope, head, entry, deadline))) {
      await dropIntent(this.#connection, name).catch(() => {}) // left behind, it is only room
      return undefined
    }
    await this.#finish(scope, entry, intent)
    const now = await this.#log.head(scope)
    if (now.epoch !== head.epoch) await this.#log.trim(scope, now).catch(() => {}) // the next epoch does it
    return upto
  }

  /** A conditional write that timed out may have been applied: the log is asked at SERIAL, else it is tried again. */
  async #appendForSure(scope: string, head: Head, entry: LogEntry, deadline: number): Promise<boolean> {
    for (let isOpen = false; ; ) {
      try {
        if (await this.#log.append(scope, head, entry)) return true
        return (await this.#log.isNext(scope, head, entry.changeId)) ?? false
      } catch (error) {
        if (isMistake(error)) throw error
        // With no node to send to nothing was sent, and nothing is in doubt unless it was before.
        isOpen ||= !(error instanceof errors.NoHostAvailableError)
        await sleep(20 + Math.random() * 80)
        if (!isOpen || performance.now() > deadline) throw error
        const isOurs = await this.#log.isNext(scope, head, entry.changeId).catch(() => undefined)
        if (isOurs !== undefined) return isOurs
      }
    }
  }

  async #rollForward(scope: string, head: Head): Promise<void> {
    const state = this.#stateOf(scope)
    while (state.applied < head.version) {
      state.rolling ??= this.#applyMissing(scope, head).finally(() => (state.rolling = undefined))
      await state.rolling
    }
  }

  async #applyMissing(scope: string, head: Head): Promise<void> {
    const state = this.#stateOf(scope)
    state.applied = Math.max(state.applied, await this.#rows.applied(scope))
    if (state.applied >= head.version) return
    for (const entry of await this.#log.entries(scope, state.applied, head)) {
      const intent = await readIntent(this.#connection, { scope, version: entry.version, changeId: entry.changeId })
      if (intent) await this.#finish(scope, entry, intent)
      // Its writer was faster: the intent goes when it is done.
      else if ((await this.#rows.applied(scope)) >= entry.upto) state.applied = Math.max(state.applied, entry.upto)
      else throw new Error(`what the change ${entry.version} does cannot be found`)
    }
  }

  async #finish(scope: string, entry: LogEntry, intent: Intent): Promise<void> {
    await this.#rows.apply(scope, entry.upto, intent)
    await this.#rows.setApplied(scope, entry.upto)
    const state = this.#stateOf(scope)
    state.applied = Math.max(state.applied, entry.upto)
    await dropIntent(this.#connection, { scope, version: entry.version, changeId: entry.changeId }).catch(() => {})
  }

  #stateOf(scope: string): ScopeState {
    let state = this.#scopes.get(scope)
    if (state === undefined) {
      if (this.#scopes.size >= MAX_REMEMBERED_SCOPES) this.#scopes.clear()
      state = { applied: 0, rolling: undefined, lastWrite: Promise.resolve() }
      this.#scopes.set(scope, state)
    }
    return state
  }
}

/** Refused for what it says (protocol v4 §9, codes 0x2000 and above), or never sent: trying again would not help. */
function isMistake(error: unknown): boolean {
  return error instanceof TypeError || Number((error as { code?: unknown }).code) >= 0x2000
}
