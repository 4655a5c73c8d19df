import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { fetchOnce, freePort, needServer, runProcess, startProcess, waitUntil } from '@sluice/testkit'

const script = `const { main } = await import(${JSON.stringify(new URL('../src/main.ts', import.meta.url).href)}); await main()`
const command = ['--input-type=module', '-e', script]

function dataDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-analytics-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

suite('analytics as a process', () => {
  test('with its servers there it is ready, and a signal ends it with 0', async (t) => {
    const nats = needServer(t, 'nats')
    if (nats === undefined) return
    const port = await freePort()
    const env = { SLUICE_NATS_URL: nats, SLUICE_METRICS_ADDRESS: `127.0.0.1:${port}`, SLUICE_DATA_DIR: dataDirectory(t) }
    const running = startProcess(t, process.execPath, command, { env })
    await waitUntil(async () => (await fetchOnce(`http://127.0.0.1:${port}/readyz`)).status === 200, { timeoutMs: 15_000, what: 'readiness' })
    assert.equal((await fetchOnce(`http://127.0.0.1:${port}/healthz`)).status, 200)
    assert.match((await fetchOnce(`http://127.0.0.1:${port}/metrics`)).body, /sluice_analytics_batches_total/)
    await running.waitForLine(/"started"/)
    running.signal('SIGTERM')
    assert.equal((await running.exited).code, 0)
  })

  test('without a bus it starts, and says that it is not ready', async (t) => {
    const port = await freePort()
    const env = { SLUICE_NATS_URL: `nats://127.0.0.1:${await freePort()}`, SLUICE_METRICS_ADDRESS: `127.0.0.1:${port}`, SLUICE_DATA_DIR: dataDirectory(t) }
    const running = startProcess(t, process.execPath, command, { env })
    const ready = await waitUntil(() => fetchOnce(`http://127.0.0.1:${port}/readyz`), { timeoutMs: 15_000 })
    assert.equal(ready.status, 503)
    assert.match(ready.body, /the bus cannot be reached/)
    await running.waitForLine(/"started"/)
    running.signal('SIGTERM')
    assert.equal((await running.exited).code, 0)
  })

  test('wrong settings end it at once, each named', async (t) => {
    const env = { SLUICE_NATS_URL: 'nats://nats.internal:4222', SLUICE_ALLOW_PLAINTEXT: undefined }
    const { code, stderr } = await runProcess(t, process.execPath, command, { env })
    assert.equal(code, 1)
    assert.match(stderr, /SLUICE_NATS_URL: .* without encryption/)
  })
})
