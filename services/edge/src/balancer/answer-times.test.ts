import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AnswerTimes } from './answer-times.ts'

function timesOf(...answers: [count: number, ms: number][]): AnswerTimes {
  const times = new AnswerTimes()
  for (const [count, ms] of answers) for (let index = 0; index < count; index++) times.note(ms)
  return times
}

const isAbout = (found: number | undefined, ms: number) => assert.ok(found !== undefined && found >= ms && found <= ms * 1.27, `${found} is not about ${ms}`)

test('with fewer than a hundred answers nothing is said', () => {
  assert.equal(timesOf([99, 5]).percentile(95), undefined)
  isAbout(timesOf([100, 5]).percentile(95), 5)
})

test('a share of the answers took no longer than what is said', () => {
  const times = timesOf([90, 2], [8, 30], [2, 4000])
  isAbout(times.percentile(50), 2)
  isAbout(times.percentile(95), 30)
  isAbout(times.percentile(99), 4000)
})

test('what was is forgotten by and by', () => {
  const times = timesOf([1000, 800], [20_000, 3])
  isAbout(times.percentile(95), 3)
})

test('no time is too short or too long', () => {
  const times = timesOf([100, 0], [1, 1e9])
  assert.ok(times.percentile(50)! <= 0.1)
  assert.ok(Number.isFinite(times.percentile(100)!))
})
