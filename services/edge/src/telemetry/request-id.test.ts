import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { runProcess } from '@sluice/testkit'
import { newRequestId } from './request-id.ts'

suite('a request id', () => {
  test('has 26 digits and begins with its time, as a ULID does', () => {
    assert.match(newRequestId(), /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/)
    // The instant of the example in the ULID specification.
    assert.equal(newRequestId(1_469_918_176_385).slice(0, 10), '01ARYZ6S41')
    assert.equal(newRequestId(0).slice(0, 10), '0000000000')
  })

  test('sorts by time', () => {
    const ids = [5, 3, 99_999_999_999, 1024, 1023].map((at) => ({ at, id: newRequestId(at) }))
    const byId = ids.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(({ at }) => at)
    assert.deepEqual(byId, [3, 5, 1023, 1024, 99_999_999_999])
  })

  test('is never given twice, in one process or in several', async (t) => {
    const script = `const { newRequestId } = await import(${JSON.stringify(new URL('./request-id.ts', import.meta.url).href)})
      for (let i = 0; i < 5000; i++) console.log(newRequestId(1))`
    const outputs = await Promise.all([1, 2].map(() => runProcess(t, process.execPath, ['--input-type=module', '-e', script])))
    const ids = outputs.flatMap(({ stdout }) => stdout.trim().split('\n'))
    for (let i = 0; i < 5000; i++) ids.push(newRequestId(1))
    assert.equal(new Set(ids).size, 15_000)
  })
})
