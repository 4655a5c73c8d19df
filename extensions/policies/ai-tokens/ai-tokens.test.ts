import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderFields } from '@sluice/http'
import { exchangeOf, identityOf, type PartsChanges, partsFor, refusalOf } from '../exchange.contract.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import * as module from './ai-tokens.ts'
import { AnswerTokens } from './answer-tokens.ts'
import { schema } from './schema.ts'

policyContract({ schema, module, from: import.meta.url, examples: [{ limit: 1000 }, { limit: 1000, reserve: 50, key: ['consumer', 'route'], count: 'output' }], required: 'limit' })

const chat = JSON.stringify({ id: 'c1', choices: [{ message: { content: 'say \\"usage\\": {"total_tokens": 1} or "usage"' } }], usage: { prompt_tokens: 20, completion_tokens: 22, total_tokens: 42, details: { cached: 3 } } })
const openAiStream = ['data: {"choices":[{"delta":{"content":"hi"}}],"usage":null}', '', 'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}', '', 'data: [DONE]', '', ''].join('\n')
const anthropicStream = ['event: message_start', 'data: {"type":"message_start","message":{"id":"m","usage":{"input_tokens":25,"output_tokens":1}}}', '', 'event: message_delta', 'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":15}}', '', ''].join('\r\n')
const responsesStream = 'event: response.completed\ndata:{"type":"response.completed","response":{"output":[{"a":{"usage":{"total_tokens":9999}}}],"usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7}}}\n\n'
const gemini = JSON.stringify([{ candidates: [{}], usageMetadata: { promptTokenCount: 4 } }, { usageMetadata: { promptTokenCount: 4, candidatesTokenCount: 6, totalTokenCount: 10 } }])

function tokensOf(text: string, isStream: boolean, cutAt?: number) {
  const tokens = new AnswerTokens(isStream)
  const bytes = Buffer.from(text)
  if (cutAt === undefined) tokens.push(bytes)
  else for (const part of [bytes.subarray(0, cutAt), bytes.subarray(cutAt)]) tokens.push(part)
  return tokens
}

const answers = [
  ['a chat completion', chat, false, [42, 20, 22]],
  ['a stream of them', openAiStream, true, [7, 5, 2]],
  ['a stream that tells its input first', anthropicStream, true, [40, 25, 15]],
  ['a response one level below', responsesStream, true, [7, 3, 4]],
  ['a list of parts', gemini, false, [10, 4, 6]],
] as const

for (const [name, text, isStream, expected] of answers) {
  test(`the tokens of ${name} are found, wherever it is cut`, () => {
    for (let cutAt = 0; cutAt <= text.length; cutAt++) {
      const tokens = tokensOf(text, isStream, cutAt)
      assert.deepEqual([tokens.reported('total'), tokens.reported('input'), tokens.reported('output')], expected, `cut at ${cutAt}`)
    }
  })
}

test('an answer that does not say it is estimated by its bytes; what is too large, broken or no number says nothing', () => {
  for (const text of ['{"choices":[]}', `{"usage":{"total_tokens":5,"x":"${'x'.repeat(9000)}"}}`, '{"usage":{"total_tokens":"5"}}', '{"usage":{"total_tokens":-5}}', '{"usage":[5]}', '{"a":{"b":{"usage":{"total_tokens":5}}}}', '}}]{"usage":{total_tokens:5}}']) {
    const tokens = tokensOf(text, false)
    assert.equal(tokens.reported('total'), undefined, text.slice(0, 60))
    assert.equal(tokens.estimated, Math.ceil(text.length / 4))
  }
})

function compile(settings: Record<string, unknown> = {}, changes: PartsChanges = {}) {
  const parts = partsFor('ai-tokens', changes)
  return { parts, policy: module.compile(settingsOf(schema, { limit: 1000, ...settings }), parts) }
}

interface Sent {
  readonly status?: number
  readonly type?: string
  readonly pieces?: readonly string[]
  readonly settings?: Record<string, unknown>
}

/** What was taken for one exchange, and what is counted in its place. */
async function settledFor({ status = 200, type = 'application/json', pieces = [chat], settings = {} }: Sent): Promise<readonly (readonly [taken: number, used: number])[]> {
  const { parts, policy } = compile(settings)
  const exchange = exchangeOf({ identity: identityOf() })
  assert.equal(await policy.onRequest!(exchange), undefined)
  assert.equal(exchange.request.headers.get('accept-encoding'), 'identity')
  exchange.response = { status, headers: new HeaderFields(['Content-Type', type]) }
  await policy.onResponse!(exchange)
  for (const piece of pieces) policy.onResponseBody!(exchange, Buffer.from(piece))
  policy.onDone!(exchange)
  policy.onDone!(exchange)
  return parts.settled
}

test('what an answer cost is counted when it has ended, less what was taken before', async () => {
  assert.deepEqual(await settledFor({}), [[1, 42]])
  assert.deepEqual(await settledFor({ settings: { reserve: 42 } }), [[42, 42]])
  assert.deepEqual(await settledFor({ settings: { reserve: 50 } }), [[50, 42]])
  assert.deepEqual(await settledFor({ settings: { count: 'output' } }), [[1, 22]])
  assert.deepEqual(await settledFor({ type: 'text/event-stream; charset=utf-8', pieces: [openAiStream.slice(0, 70), openAiStream.slice(70)] }), [[1, 7]])
})

test('a failed answer that says nothing costs nothing, another one is estimated', async () => {
  assert.deepEqual(await settledFor({ status: 500, pieces: ['{"error":"busy"}'] }), [[1, 0]])
  assert.deepEqual(await settledFor({ type: 'application/problem+json', pieces: ['x'.repeat(400)] }), [[1, 100]])
  assert.deepEqual(await settledFor({ type: 'image/png', pieces: ['x'.repeat(400)] }), [[1, 1]])
})

test('a client that left before there was an answer costs nothing', async () => {
  const { parts, policy } = compile({ reserve: 10 })
  const exchange = exchangeOf()
  await policy.onRequest!(exchange)
  policy.onDone!(exchange)
  const late = exchangeOf()
  await policy.onRequest!({ ...late, isOver: true })
  assert.deepEqual(parts.settled, [[10, 0], [10, 0]])
})

test('with nothing left it is 429, and is told when there is; while the counters are away it is as configured', async () => {
  const verdict = { admitted: false, remaining: 0, resetMs: 90_000, retryAfterMs: 30_000, waitMs: 0 }
  const { parts, policy } = compile({}, { take: () => ({ ...verdict, decidedBy: 'counters' }) })
  const exchange = exchangeOf()
  const refusal = await refusalOf(policy.onRequest!(exchange))
  assert.deepEqual([refusal.code, refusal.headers], ['policy.limit_exceeded', ['Retry-After', '30']])
  assert.deepEqual([exchange.limits[0]!.outcome, exchange.limits[0]!.limit], ['refused', 1000])
  policy.onDone!(exchange)
  assert.deepEqual(parts.settled, [])
  const away = compile({ failure: 'closed' }, { take: () => ({ ...verdict, decidedBy: 'closed' }) })
  assert.equal((await refusalOf(away.policy.onRequest!(exchangeOf()))).code, 'dependency.counters_unreachable')
})

test('keys, windows and places are counted apart; a limit that was changed goes on counting', () => {
  const counterOf = (settings: Record<string, unknown>, place: PartsChanges['place'] = {}) => compile(settings, { place }).parts.asked.limiters[0]!.counter
  assert.equal(counterOf({}), counterOf({ limit: 9, key: 'consumer' }))
  for (const other of [counterOf({ key: 'ip' }), counterOf({ windowSeconds: 3600 }), counterOf({}, { level: 'global' }), counterOf({}, { name: 'second' })]) assert.notEqual(other, counterOf({}))
})

test('a reserve that would never pass is a problem', () => {
  assert.deepEqual(problemsOf(schema, { limit: 10, reserve: 11 }), ['reserve: a request that takes 11 would never pass a limit of 10'])
})
