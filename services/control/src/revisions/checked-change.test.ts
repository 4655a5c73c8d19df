import assert from 'node:assert/strict'
import { test } from 'node:test'
import { entitiesOf, SegmentedConfig } from '@sluice/proto/config'
import type { SluiceError } from '@sluice/errors'
import { SecretSources } from '../secret-sources/secret-sources.ts'
import { pointerOf } from '../validation/problem.ts'
import { validateConfig } from '../validation/index.ts'
import { type Change, deleteOne, putOne } from './changes.ts'
import { checkChange, type CheckedChange } from './checked-change.ts'
import { DocumentIndex } from './document-index.ts'
import type { WrittenDocument } from './resources.ts'
import type { StoredRevision } from './stored-revisions.ts'

const environment: Record<string, string> = { HOST: 'http://127.0.0.1:1', ORIGIN: 'https://a.example' }
const checking = { validate: validateConfig, sources: new SecretSources({ environment, sealing: undefined }), baseDirectory: '/', otherDirectories: [] }
const about = { author: 'test', note: '' }

function headOf(document: WrittenDocument, secrets: Record<string, string> = {}): StoredRevision {
  const config = SegmentedConfig.of(entitiesOf({ ...document, secrets }))
  return { record: {} as never, config, document, secrets, forcedRevision: 0, storage: { base: 0, depth: 0, lines: new Map() } }
}

interface Outcome {
  readonly checked?: CheckedChange
  readonly error?: SluiceError
}

async function outcomeOf(change: Change, head: StoredRevision): Promise<Outcome> {
  try {
    return { checked: await checkChange(change, head, () => new DocumentIndex(head.document)) }
  } catch (error) {
    return { error: error as SluiceError }
  }
}

/** A source of numbers that are the same in each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Mostly sound, sometimes leading nowhere or badly formed; on few hosts and paths, so that they meet. */
function someRoute(pick: (below: number) => number): Record<string, unknown> {
  const paths = [{ path: `/p${pick(3)}` }, { path: `/p${pick(3)}/{id}` }, { pathPrefix: `/q${pick(2)}` }, { path: 'no-slash' }, { pathRegex: '(' }]
  const place = paths[pick(20) < 18 ? pick(3) : 3 + pick(2)]!
  const hosts = [undefined, ['a.example'], ['a.example', '*.b.example'], 'a.example']
  const match = { ...place, ...[{}, { methods: ['GET'] }, { headers: { 'x-a': '1' } }][pick(3)], ...(pick(20) === 0 ? { hosts: hosts[3] } : pick(2) === 0 ? {} : { hosts: hosts[1 + pick(2)] }) }
  const leads = [{ upstream: `u${pick(4)}` }, { upstream: `u${pick(3)}` }, {}, { policies: [{ 'fixed-response': { status: 204 } }] }, { upstream: 'u0', policies: [{ cors: { origins: ['env:ORIGIN'] } }] }, { upstream: 'u1', policies: [{ cors: { origins: ['env:MISSING'] } }] }, { split: [{ upstream: `u${pick(4)}`, weight: 1 }, { upstream: 'u0', weight: 1 }] }, { upstream: 'u0', mirror: { upstream: `u${pick(4)}` } }, { split: 'u0' }, { upstream: 'u0', mirror: null }, { upstream: ['u0'] }]
  return { match, ...leads[pick(leads.length)] }
}

function someChange(pick: (below: number) => number): Change {
  const name = `r${pick(12)}`
  const action = pick(10)
  if (action < 5) return putOne(checking, { ...about, kind: 'routes', name, create: false, body: someRoute(pick) })
  if (action < 6) return deleteOne(checking, { ...about, kind: 'routes', name })
  if (action < 7) return deleteOne(checking, { ...about, kind: 'upstreams', name: `u${pick(4)}` })
  if (action < 9) return putOne(checking, { ...about, kind: 'upstreams', name: `u${pick(4)}`, create: false, body: { endpoints: [{ url: ['http://127.0.0.1:9', 'env:HOST', 'nowhere'][pick(3)] }] } })
  return pick(2) === 0 ? putOne(checking, { ...about, kind: 'policies', name: 'fixed-response', create: false, body: { 'fixed-response': { status: 200 } } }) : deleteOne(checking, { ...about, kind: 'policies', name: 'fixed-response' })
}

/** What a check of the whole says of the same edit. */
async function wholeOutcome(change: Change, head: StoredRevision): Promise<Outcome> {
  return outcomeOf({ ...change, touches: 'everything' }, head)
}

const told = ({ error }: Outcome) => error && { code: error.code, detail: error.detail, extra: error.extra }

test('a change of one resource is judged as a check of the whole would judge it, and becomes the same revision', async () => {
  const pick = numbers(20261122)
  let head = headOf({ version: 1, upstreams: { u0: { endpoints: [{ url: 'http://127.0.0.1:9' }] } } })
  const counts = { made: 0, refused: 0 }
  for (let step = 0; step < 800; step++) {
    if (step % 100 === 50) environment['ORIGIN'] = `https://${step}.example`
    const change = someChange(pick)
    const [part, whole] = [await outcomeOf(change, head), await wholeOutcome(change, head)]
    assert.deepEqual(told(part), told(whole), `step ${step}`)
    if (part.checked === undefined || whole.checked === undefined) {
      counts.refused++
      continue
    }
    counts.made++
    // The whole check reads every reference anew, the part those that it holds: the rest is compared without the values.
    const withoutValues = ({ document }: CheckedChange) => SegmentedConfig.of(entitiesOf(document)).digest
    assert.equal(withoutValues(part.checked), withoutValues(whole.checked), `step ${step}`)
    assert.deepEqual(Object.keys(part.checked.secrets).sort(), Object.keys(whole.checked.secrets).sort(), `step ${step}`)
    assert.equal(part.checked.config.digest, SegmentedConfig.of(entitiesOf({ ...part.checked.document, secrets: part.checked.secrets })).digest, `step ${step}`)
    const all = whole.checked.validation.warnings.map(({ path, message }) => `${pointerOf(path)} ${message}`)
    for (const { path, message } of part.checked.validation.warnings) assert.ok(all.includes(`${pointerOf(path)} ${message}`), `step ${step}: ${pointerOf(path)} ${message}`)
    head = headOf(part.checked.document, { ...part.checked.secrets })
  }
  assert.ok(counts.made > 200 && counts.refused > 100, JSON.stringify(counts))
})

test('a reference whose value has changed is checked wherever it stands', async () => {
  const document: WrittenDocument = { version: 1, upstreams: { u0: { endpoints: [{ url: 'env:HOST' }] }, u1: { endpoints: [{ url: 'http://127.0.0.1:1' }] } } }
  const head = headOf(document, { 'env:HOST': 'http://127.0.0.1:1' })
  environment['HOST'] = 'no URL'
  const { error } = await outcomeOf(putOne(checking, { ...about, kind: 'upstreams', name: 'u1', create: false, body: { hostHeader: 'env:HOST', endpoints: [{ url: 'http://127.0.0.1:1' }] } }), head)
  assert.match(String(error?.detail), /a URL such as/)
  environment['HOST'] = 'http://127.0.0.1:1'
})

test('the value of a reference goes when the last one that holds it goes', async () => {
  const document: WrittenDocument = { version: 1, upstreams: { u0: { endpoints: [{ url: 'env:HOST' }] }, u1: { endpoints: [{ url: 'env:HOST' }] } } }
  const head = headOf(document, { 'env:HOST': 'http://127.0.0.1:1' })
  const first = (await outcomeOf(deleteOne(checking, { ...about, kind: 'upstreams', name: 'u0' }), head)).checked!
  assert.deepEqual(first.secrets, { 'env:HOST': 'http://127.0.0.1:1' })
  const second = (await outcomeOf(deleteOne(checking, { ...about, kind: 'upstreams', name: 'u1' }), headOf(first.document, { ...first.secrets }))).checked!
  assert.deepEqual(second.secrets, {})
  assert.deepEqual(second.delta.toSorted(), ['["secrets/env:HOST"]', '["upstreams/u1"]'])
})
