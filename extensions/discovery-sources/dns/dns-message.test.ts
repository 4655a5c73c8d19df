import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { decodeAnswer, encodeQuestion } from './dns-message.ts'

const name = (...labels: string[]) => [...labels.flatMap((label) => [label.length, ...Buffer.from(label)]), 0]
const head = (answers: number, flags = 0x8180) => [0x12, 0x34, flags >> 8, flags & 0xff, 0, 1, 0, answers, 0, 0, 0, 0]
const question = [...name('a', 'test'), 0, 1, 0, 1]
const record = (owner: number[], type: number, ttl: number[], data: number[]) => [...owner, 0, type, 0, 1, ...ttl, data.length >> 8, data.length & 0xff, ...data]
const toQuestion = [0xc0, 12]

suite('a DNS message', () => {
  test('a question asks for one name, says what was meant, and takes long answers', () => {
    const bytes = encodeQuestion(0x1234, 'a.test.', 'SRV')
    assert.deepEqual([...bytes.subarray(0, 12)], [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1])
    assert.deepEqual([...bytes.subarray(12, 24)], [...name('a', 'test'), 0, 33, 0, 1])
    assert.deepEqual([...bytes.subarray(24)], [0, 0, 41, 1232 >> 8, 1232 & 0xff, 0, 0, 0, 0, 0, 0])
  })

  test('names may point to where they stood before, and letters are small', () => {
    const bytes = Buffer.from([...head(2), ...name('A', 'TEST'), 0, 1, 0, 1, ...record(toQuestion, 5, [0, 0, 0, 9], [1, 98, 0xc0, 14]), ...record([1, 98, 0xc0, 14], 1, [0, 0, 0, 60], [10, 0, 0, 7])])
    const answer = decodeAnswer(bytes)
    assert.deepEqual(answer.records, [{ type: 'A', name: 'b.test', ttlSeconds: 60, address: '10.0.0.7' }])
    assert.deepEqual([answer.id, answer.question.name, answer.ttlSeconds], [0x1234, 'a.test', 9])
  })

  test('a time that would be negative is none', () => {
    const bytes = Buffer.from([...head(1), ...question, ...record(toQuestion, 1, [0x80, 0, 0, 1], [10, 0, 0, 7])])
    assert.equal(decodeAnswer(bytes).records[0]?.ttlSeconds, 0)
  })

  test('a name that points at itself or forward is refused', () => {
    for (const target of [25, 24, 40]) {
      const bytes = Buffer.from([...head(1), ...question, ...record([0xc0, target], 1, [0, 0, 0, 1], [10, 0, 0, 7])])
      assert.throws(() => decodeAnswer(bytes))
    }
  })

  test('a message that is cut anywhere is refused, and so is any change of a length that leads beyond it', () => {
    const whole = Buffer.from([...head(1), ...question, ...record(toQuestion, 33, [0, 0, 0, 1], [0, 1, 0, 2, 0, 80, ...name('b', 'test')])])
    assert.equal(decodeAnswer(whole).records.length, 1)
    for (let length = 0; length < whole.length; length++) assert.throws(() => decodeAnswer(whole.subarray(0, length)), `cut at ${length}`)
  })

  test('whatever bytes come, reading ends with an answer or an error', () => {
    let state = 20_260_101
    const random = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32
    const whole = [...head(2), ...question, ...record(toQuestion, 1, [0, 0, 0, 1], [10, 0, 0, 7]), ...record(toQuestion, 33, [0, 0, 0, 1], [0, 1, 0, 2, 0, 80, 0xc0, 12])]
    for (let round = 0; round < 5000; round++) {
      const bytes = Buffer.from(whole)
      for (let change = 0; change < 4; change++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
      try {
        assert.ok(decodeAnswer(bytes).records.length <= 4)
      } catch (error) {
        assert.ok(error instanceof Error)
        assert.notEqual(error.name, 'AssertionError', `seed 20260101, round ${round}`)
      }
    }
  })
})
