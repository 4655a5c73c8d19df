import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { suiteCleanup } from '@sluice/testkit'
import { readCorpus, type CorpusCase } from './corpus.ts'
import { inLanes, startLanes, type Lane, type Lanes } from './gateway-lanes.ts'
import { inLane, replayRequest, unmetFields, type Outcome } from './replay.ts'

const laneCount = 16
/** Of the short cases, each so manyth is sent once for every place to cut it. */
const everyManyth = 7
const shortBytes = 250

const corpus = readCorpus('requests')
/** Whether a 100 is sent hangs on whether the body is there, so where those are cut does matter. */
const cuttable = corpus.filter(({ bytes }) => bytes.length <= shortBytes && !bytes.includes('Expect:'))

function check(item: CorpusCase, lane: Lane, outcome: Outcome): void {
  const lines = (parts: { responses: readonly string[]; requests: readonly string[]; afterwards: string }) =>
    [...parts.responses.map((line) => `= ${line}`), ...parts.requests.map((line) => `^ ${line}`), `. ${parts.afterwards}`]
  const wanted = { ...item, responses: item.responses, requests: item.requests.map((line) => inLane(line, lane)) }
  assert.deepEqual(lines(outcome), lines(wanted), `${item.file}: ${item.title}\n${JSON.stringify(item.bytes.slice(0, 500))}`)
  assert.deepEqual(unmetFields(item, outcome.fields, lane), [], `${item.file}: ${item.title}`)
}

describe('odd and hostile requests, whole', { concurrency: false }, () => {
  const whole = suiteCleanup()
  const outcomes = new Map<CorpusCase, { lane: Lane; outcome: Outcome }>()
  let lanes: Lanes

  before(async () => {
    lanes = await startLanes(whole, laneCount)
    await inLanes(lanes.lanes, corpus, async (item, lane) => void outcomes.set(item, { lane, outcome: await replayRequest(lanes.under.port, lane, item) }))
  })

  it('the corpus is as large as it says', () => {
    assert.ok(corpus.length >= 300, `${corpus.length} cases`)
    assert.equal(new Set(corpus.map(({ file, title }) => `${file} ${title}`)).size, corpus.length)
  })

  for (const item of corpus) {
    it(item.title, () => {
      const { lane, outcome } = outcomes.get(item)!
      check(item, lane, outcome)
    })
  }

  it('where the bytes are cut on their way changes nothing', async () => {
    const chosen = cuttable.filter((_, index) => index % everyManyth === 0)
    const cuts = chosen.flatMap((item) => Array.from({ length: item.bytes.length - 1 }, (_, index) => ({ item, cut: index + 1 })))
    assert.ok(cuts.length > 2000, `${cuts.length} cuts`)
    await inLanes(lanes.lanes, cuts, async ({ item, cut }, lane) => {
      const outcome = await replayRequest(lanes.under.port, lane, item, [cut])
      check({ ...item, title: `${item.title}, cut at ${cut}` }, lane, outcome)
    })
  })

  it('a byte at a time changes nothing either', async () => {
    const chosen = cuttable.filter((_, index) => index % (everyManyth * 3) === 1)
    await inLanes(lanes.lanes, chosen, async (item, lane) => {
      const everywhere = Array.from({ length: item.bytes.length - 1 }, (_, index) => index + 1)
      check({ ...item, title: `${item.title}, byte by byte` }, lane, await replayRequest(lanes.under.port, lane, item, everywhere))
    })
  })
})
