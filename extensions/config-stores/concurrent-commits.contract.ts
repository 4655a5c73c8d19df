/**
 * What must hold of a store under many writers while they, or the server, are killed: the history is one line without a
 * gap, what a writer was answered is in it once, and what lost is not. Writers are processes of this same file.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { startProcess, waitUntil, type Cleanup, type RunningProcess } from '@sluice/testkit'
import type { Commit, CommitOutcome, ConfigStore, RevisionRecord } from './config-store.ts'
import { openConfigStore } from './index.ts'

export interface WriterPlan {
  /** As `openConfigStore` takes them. */
  readonly driver: string
  readonly settings: object
  readonly scope: string
  readonly writers: number
  /** The head at which they stop. */
  readonly commits: number
}

export interface Storm extends Omit<WriterPlan, 'scope' | 'writers'> {
  /** Processes with eight writers among them. */
  readonly processes: 1 | 2
  /** Kills the server and brings it back, once a third and once two thirds are written. */
  readonly killServer?: () => Promise<void>
}

const WRITERS = 8

/** Lets eight writers loose, kills some of them three times, and checks what is left in the log. */
export async function checkConcurrentCommits(t: Cleanup, storm: Storm): Promise<void> {
  const { driver, settings, commits, processes } = storm
  const plan: WriterPlan = { driver, settings, commits, scope: randomUUID(), writers: WRITERS / processes }
  const said = new Transcript()
  const running = Array.from({ length: processes }, () => startWriters(t, plan, said))
  const disturbances = [
    ...[0.25, 0.5, 0.75].map((share, index) => ({ share, disturb: () => replaceWriters(t, plan, said, running, index % processes) })),
    ...(storm.killServer === undefined ? [] : [1 / 3, 2 / 3].map((share) => ({ share, disturb: storm.killServer! }))),
  ].toSorted((a, b) => a.share - b.share)
  for (const { share, disturb } of disturbances) {
    await waitUntil(() => said.acknowledged.size >= share * commits, { timeoutMs: 600_000, what: `${Math.round(share * commits)} commits of ${commits}; so far ${said.acknowledged.size}` })
    await disturb()
  }
  for (const writers of running) assert.deepEqual(await writers.exited, { code: 0, signal: null }, writers.stderr())
  const store = await openConfigStore(driver, settings)
  const history = await wholeHistory(store, plan.scope).finally(() => store.close())
  checkHistory(history, said, commits)
}

function checkHistory(history: readonly RevisionRecord[], said: Transcript, commits: number): void {
  assert.ok(history.length >= commits, `${history.length} revisions`)
  assert.deepEqual(history.map((record) => record.revision), history.map((_, index) => index + 1), 'one line without a gap')
  assert.equal(new Set(history.map((record) => record.changeId)).size, history.length, 'no change is in it twice')
  for (const [revision, changeId] of said.acknowledged) assert.equal(history[revision - 1]?.changeId, changeId, `revision ${revision} is the one that was acknowledged`)
  for (const { changeId } of history) assert.ok(!said.refused.has(changeId), 'what lost is not in it')
  assert.ok(said.refused.size > 0, 'writers met')
  assert.equal(said.contradictions, 0)
}

/** What the writers said, of all their lives. */
class Transcript {
  readonly acknowledged = new Map<number, string>()
  readonly refused = new Set<string>()
  contradictions = 0

  hear(line: string): void {
    const [word, changeId = '', revision = ''] = line.split(' ')
    if (word === 'lost') this.refused.add(changeId)
    if (word !== 'won') return
    if (this.acknowledged.has(Number(revision))) this.contradictions++
    this.acknowledged.set(Number(revision), changeId)
  }
}

function startWriters(t: Cleanup, plan: WriterPlan, said: Transcript): RunningProcess {
  const writers = startProcess(t, process.execPath, [fileURLToPath(import.meta.url), JSON.stringify(plan)])
  let rest = ''
  writers.child.stdout?.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) said.hear(line)
  })
  return writers
}

async function replaceWriters(t: Cleanup, plan: WriterPlan, said: Transcript, running: RunningProcess[], index: number): Promise<void> {
  running[index]!.signal('SIGKILL')
  await running[index]!.exited
  running[index] = startWriters(t, plan, said)
}

async function wholeHistory(store: ConfigStore, scope: string): Promise<RevisionRecord[]> {
  await waitUntil(() => store.ping().then(() => true), { timeoutMs: 60_000 })
  const records: RevisionRecord[] = []
  for (;;) {
    const before = records[0]?.revision
    const page = await store.list(scope, { limit: 500, ...(before !== undefined && { before }) })
    if (page.length === 0) return records
    records.unshift(...page.toReversed())
  }
}

/** One process of writers: each commits on the head it knows, as control does, until the line is long enough. */
async function writeAll(plan: WriterPlan): Promise<void> {
  const store = await openConfigStore(plan.driver, plan.settings)
  await Promise.all(Array.from({ length: plan.writers }, () => writeOne(store, plan)))
  await store.close()
}

async function writeOne(store: ConfigStore, { scope, commits }: WriterPlan): Promise<void> {
  for (let head = 0; head < commits; ) {
    const changeId = randomUUID()
    const commit: Commit = {
      scope, changeId, expectedHead: head, digest: '', author: '', note: '', origin: 'api', fileDigest: '', committedAtMs: Date.now(), body: Buffer.from(`body of ${changeId}`),
    }
    const result = await commitForSure(store, commit)
    head = result.outcome === 'committed' ? result.revision : result.head
    process.stdout.write(result.outcome === 'committed' ? `won ${changeId} ${head}\n` : `lost ${changeId}\n`)
  }
}

/** A commit whose outcome is not known is asked for with the same id, for as long as it takes. */
async function commitForSure(store: ConfigStore, commit: Commit): Promise<CommitOutcome> {
  for (;;) {
    try {
      return await store.commit(commit)
    } catch (error) {
      if ((error as { code?: string }).code !== 'dependency.store_unreachable') throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

if (import.meta.main) await writeAll(JSON.parse(process.argv[2] ?? '') as WriterPlan)
