import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ThreadPool } from './thread-pool.ts'

const file = new URL('../test/ending.worker.ts', import.meta.url)
const order = (signingInput: string) => ({ jobs: signingInput === '' ? [] : [{ signingInput }], keys: [] })

suite('a pool of threads', () => {
  test('gives up a thread that hangs, and works on with a new one', async (t) => {
    const pool = new ThreadPool<object, unknown>({ file, threads: 1, watchMs: 100 })
    t.after(() => pool.close())
    await assert.rejects(pool.run(order('hang')), { code: 'dependency.verifier_failed' })
    assert.deepEqual(await pool.run(order('')), [])
  })

  test('closing ends a task that would never end', async () => {
    const pool = new ThreadPool<object, unknown>({ file, threads: 1 })
    const hanging = assert.rejects(pool.run(order('hang')), { code: 'internal.draining' })
    await pool.close()
    await hanging
  })
})
