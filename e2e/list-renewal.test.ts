// Row SE1: a list of addresses is written by other programs, under a config file that nobody touches.
import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fetchOnce, freePorts, waitUntil } from '@sluice/testkit'
import { SluiceProcess } from './modes/sluice-process.ts'

const patience = { timeoutMs: 40_000, everyMs: 200 }
/** Ranges of which no test comes. */
const others = Array.from({ length: 500 }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`).join('\n')

test('a list that changed is taken by itself; one that lost most of its lines, or holds nonsense, changes nothing', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-lists-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const [http = 0, admin = 0, metrics = 0] = await freePorts(3)
  const list = join(directory, 'drop.txt')
  writeFileSync(list, `${others}\n127.0.0.3\n`)
  const config = {
    version: 1,
    listeners: { http: { address: `127.0.0.1:${http}` } },
    admin: { address: `127.0.0.1:${admin}` },
    telemetry: { metrics: { address: `127.0.0.1:${metrics}` } },
    routes: [{ name: 'all', match: { pathPrefix: '/' }, policies: [{ 'ip-restriction': { files: ['drop.txt'] } }, { 'fixed-response': { status: 200 } }] }],
  }
  writeFileSync(join(directory, 'gateway.json'), JSON.stringify(config))
  const args = ['run', '-c', join(directory, 'gateway.json'), '--workers', '1', '--data-dir', join(directory, 'data')]
  const gateway = new SluiceProcess(t, { name: 'gateway', args, env: {}, directory, metricsUrl: `http://127.0.0.1:${metrics}` })
  await gateway.start()
  const from = async (localAddress: string): Promise<number> => {
    const agent = new Agent({ localAddress })
    const { status } = await fetchOnce(`http://127.0.0.1:${http}/`, { agent })
    agent.destroy()
    return status
  }
  const told = (text: string) => waitUntil(() => gateway.output().includes(text), { ...patience, what: text })
  assert.deepEqual([await from('127.0.0.2'), await from('127.0.0.3')], [200, 403])

  appendFileSync(list, '127.0.0.2 ; since today\n')
  await waitUntil(async () => (await from('127.0.0.2')) === 403, { ...patience, what: 'the new line to be in force' })
  assert.deepEqual([await from('127.0.0.3'), await from('127.0.0.4')], [403, 200])

  writeFileSync(list, '127.0.0.4\n')
  await told('holds less than half of what it did')
  assert.deepEqual([await from('127.0.0.2'), await from('127.0.0.4')], [403, 200])

  writeFileSync(list, `${others}\n127.0.0.4\nnobody\n`)
  await told('renewed values cannot be taken yet')
  assert.deepEqual([await from('127.0.0.2'), await from('127.0.0.4')], [403, 200])

  writeFileSync(list, `${others}\n127.0.0.4\n`)
  await waitUntil(async () => (await from('127.0.0.4')) === 403, { ...patience, what: 'the repaired list to be in force' })
  assert.equal(await from('127.0.0.2'), 200)
  await gateway.stop()
})
