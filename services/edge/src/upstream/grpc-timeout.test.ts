import assert from 'node:assert/strict'
import { test } from 'node:test'
import { grpcTimeoutText, readGrpcTimeout } from './grpc-timeout.ts'

test('a timeout is read in all its units', () => {
  assert.deepEqual(['2H', '3M', '4S', '5m', '6000u', '7000000n'].map((value) => readGrpcTimeout(value)), [7_200_000, 180_000, 4000, 5, 6, 7])
})

test('what is none is passed over', () => {
  for (const value of [undefined, '', '5', 'm', '5s', '-5m', '5.5S', '123456789m', '5m ']) assert.equal(readGrpcTimeout(value), undefined, String(value))
})

test('what is left is told in eight digits', () => {
  assert.deepEqual([0.2, 1500.7, 99_999_999, 200_000_000, 3.6e14].map((ms) => grpcTimeoutText(ms)), ['1m', '1500m', '99999999m', '200000S', '99999999H'])
})
