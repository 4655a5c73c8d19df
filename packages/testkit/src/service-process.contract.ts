import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { freePort } from './free-port.ts'
import { startServiceProcess } from './service-process.ts'
import { needServer, type ServerName } from './servers.ts'
import { waitUntil } from './wait-until.ts'

export interface ServiceFacts {
  readonly main: URL
  /** The servers that it cannot be ready without, by the variable that names each. */
  readonly servers: Readonly<Record<string, ServerName>>
  /** Of its own metrics. */
  readonly metric: RegExp
  /** Addresses elsewhere that it must not go to in clear, by variable. */
  readonly plaintext: Readonly<Record<string, string>>
}

const patience = { timeoutMs: 15_000 }

/** What every service that stands behind the bus does as a process. */
export function testServiceProcess(name: string, { main, servers, metric, plaintext }: ServiceFacts): void {
  suite(`${name} as a process`, () => {
    test('with its servers there it is ready, and a signal ends it with 0', async (t) => {
      const env: Record<string, string> = {}
      for (const [variable, server] of Object.entries(servers)) {
        const url = needServer(t, server)
        if (url === undefined) return
        env[variable] = url
      }
      const { child, get } = await startServiceProcess(t, main, env)
      await waitUntil(async () => (await get('/readyz')).status === 200, { ...patience, what: 'readiness' })
      assert.equal((await get('/healthz')).status, 200)
      assert.match((await get('/metrics')).body, metric)
      await child.waitForLine(/"started"/)
      child.signal('SIGTERM')
      assert.equal((await child.exited).code, 0)
    })

    test('without a bus it starts, and says that it is not ready', async (t) => {
      const { child, get } = await startServiceProcess(t, main, { SLUICE_NATS_URL: `nats://127.0.0.1:${await freePort()}` })
      const ready = await waitUntil(() => get('/readyz'), patience)
      assert.equal(ready.status, 503)
      assert.match(ready.body, /the bus cannot be reached/)
      await child.waitForLine(/"started"/)
      child.signal('SIGTERM')
      assert.equal((await child.exited).code, 0)
    })

    test('wrong settings end it at once, each named', async (t) => {
      const { child } = await startServiceProcess(t, main, { ...plaintext, SLUICE_ALLOW_PLAINTEXT: undefined })
      assert.equal((await child.exited).code, 1)
      for (const variable of Object.keys(plaintext)) assert.match(child.stderr(), new RegExp(`${variable}: .* without encryption`))
    })
  })
}
