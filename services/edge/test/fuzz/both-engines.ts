/** The same bytes to a gateway on each engine, and what came of them there. */
import { setTimeout as sleep } from 'node:timers/promises'
import { answer, type Cleanup, type RecordedRequest } from '@sluice/testkit'
import { startLanes, type Lane, type Lanes } from '../gateway-lanes.ts'
import { RawClient } from '../raw-client.ts'
import { inLane, showRequest, showResponse } from '../replay.ts'

export interface EngineOutcome {
  /** Final responses: the status, and for one that is no error its body. */
  readonly responses: readonly string[]
  /** Whole requests that the upstream saw. */
  readonly requests: readonly string[]
  readonly isClosed: boolean
}

export interface BothOutcomes {
  readonly own: EngineOutcome
  readonly node: EngineOutcome
}

export interface BothEngines {
  readonly laneCount: number
  /** Sends the bytes to both, cut at each of `cuts`, and waits until nothing more comes of them. */
  compare(lane: number, bytes: string, cuts: readonly number[]): Promise<BothOutcomes>
}

/** In place of responses that cannot be told apart. */
export const unreadable = 'unreadable'

const partsGapMs = 2
/** With the same outcome on both sides and something answered: so long without a change is enough. */
const agreedMs = 25
/** With nothing answered on either side. */
const silentMs = 120
/** With different outcomes: the slower one has had its time. */
const disagreedMs = 1200

export async function startBothEngines(t: Cleanup, laneCount: number): Promise<BothEngines> {
  const [own, node] = await Promise.all([startLanes(t, laneCount, 'own'), startLanes(t, laneCount, 'node')])
  return {
    laneCount,
    compare: async (lane, bytes, cuts) => {
      const runs = await Promise.all([begin(own, lane), begin(node, lane)])
      await Promise.all(runs.map((run) => run.send(bytes, cuts)))
      const [ofOwn, ofNode] = await settled(runs)
      for (const run of runs) run.end()
      return { own: ofOwn, node: ofNode }
    },
  }
}

interface Run {
  send(bytes: string, cuts: readonly number[]): Promise<void>
  outcome(): EngineOutcome
  end(): void
}

async function begin({ under, lanes }: Lanes, index: number): Promise<Run> {
  const lane = lanes[index]!
  const seen = recordIn(lane)
  const client = await RawClient.connect(under.port)
  let sent = ''
  return {
    send: async (bytes, cuts) => {
      sent = inLane(bytes, lane)
      for (const [index, cut] of [...cuts, sent.length].entries()) {
        if (index > 0) await sleep(partsGapMs)
        client.send(sent.slice(cuts[index - 1] ?? 0, cut))
      }
    },
    outcome: () => ({ responses: responsesOf(client, sent), requests: seen.map((record) => showRequest(record)), isClosed: client.isClosed }),
    end: () => client.destroy(),
  }
}

async function settled([own, node]: readonly Run[]): Promise<[EngineOutcome, EngineOutcome]> {
  let before = ''
  for (let since = performance.now(); ; await sleep(5)) {
    const outcomes: [EngineOutcome, EngineOutcome] = [own!.outcome(), node!.outcome()]
    const now = JSON.stringify(outcomes)
    if (now !== before) since = performance.now()
    before = now
    const isAgreed = JSON.stringify(outcomes[0]) === JSON.stringify(outcomes[1])
    const enough = !isAgreed ? disagreedMs : outcomes[0].responses.length > 0 || outcomes[0].isClosed ? agreedMs : silentMs
    if (performance.now() - since >= enough) return outcomes
  }
}

function recordIn({ upstream }: Lane): RecordedRequest[] {
  const seen: RecordedRequest[] = []
  upstream.does((reply) => {
    seen.push(reply.record)
    return answer(200, 'ok')(reply)
  })
  return seen
}

function responsesOf(client: RawClient, sent: string): string[] {
  // HEAD is the only method that changes how a response is read; it may stand right behind a body.
  const methods = [...sent.matchAll(/([!-~]+) +[^ \r\n]+ +HTTP\/\d\.\d\r?\n/g)].map((found) => (found[1]!.endsWith('HEAD') ? 'HEAD' : found[1]!))
  try {
    return client.responses(methods).filter(({ status }) => status >= 200).map((response) => (response.status < 300 ? showResponse(response) : String(response.status)))
  } catch {
    return [unreadable]
  }
}
