import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { busNamed } from '@sluice/buses'
import { createConfigKeys, createConfigSigner, createConfigVerifier } from '@sluice/buses/config-feed'
import { announce } from '@sluice/buses/rpc'
import type { BreakGlassEntry } from '@sluice/proto/break-glass'
import { BreakGlassNoticeSchema } from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import { createLogger, systemClock } from '@sluice/service-kit'
import { waitUntil } from '@sluice/testkit'
import { HostOrders, type HostOrdersParts } from './host-orders.ts'

async function makeOrders(t: TestContext, parts: Partial<HostOrdersParts> = {}) {
  const bus = (await busNamed('local').load()).createLocalBus()
  const directory = parts.directory ?? (await mkdtemp(join(tmpdir(), 'sluice-orders-')))
  const told: string[][] = []
  const refused: string[] = []
  const log: string[] = []
  const logger = createLogger('edge', { destination: { write: (line: string) => void log.push(line) } })
  const orders = new HostOrders({ bus, scope: 'default', datacenter: 'dc1', directory, clock: systemClock, logger, onRefused: (reason) => refused.push(reason), onOrders: (inForce) => told.push(inForce.map(({ id }) => id)), ...parts })
  await orders.start()
  t.after(async () => {
    await orders.stop()
    await bus.drain(100)
    if (parts.directory === undefined) await rm(directory, { recursive: true, force: true })
  })
  const say = (entries: string, facts: { scope?: string; datacenter?: string; signature?: Uint8Array } = {}) => announce(bus, subjects.breakGlass('default', 'dc1'), BreakGlassNoticeSchema, { scope: 'default', datacenter: 'dc1', entries, ...facts })
  return { orders, bus, directory, told, refused, log, say }
}

const entry = (id: string, facts: Partial<BreakGlassEntry> = {}): BreakGlassEntry => ({ id, version: 1, order: { action: 'disable-route', route: 'users' }, madeBy: '', madeAtMs: 0, untilMs: Date.now() + 60_000, note: '', revision: 0, ...facts })

test('with keys only orders that control has signed for this datacenter are obeyed', async (t) => {
  const [own, other] = [createConfigKeys(), createConfigKeys()]
  const { told, refused, say } = await makeOrders(t, { verifier: createConfigVerifier(own.publicKey) })
  const entries = JSON.stringify([entry('a')])
  say(entries)
  say(entries, { signature: createConfigSigner(other.privateKey).signOrders({ scope: 'default', datacenter: 'dc1', entries }) })
  say(entries, { signature: createConfigSigner(own.privateKey).signOrders({ scope: 'default', datacenter: 'dc2', entries }) })
  await waitUntil(() => refused.length === 3)
  assert.deepEqual([refused, told], [['signature', 'signature', 'signature'], []])
  say(entries, { signature: createConfigSigner(own.privateKey).signOrders({ scope: 'default', datacenter: 'dc1', entries }) })
  await waitUntil(() => told.length === 1)
  assert.deepEqual(told, [['a']])
})

test('what is no list of orders, or stands for longer than there is, is passed over', async (t) => {
  const { told, refused, say } = await makeOrders(t)
  say('nonsense')
  say(JSON.stringify([{ ...entry('a'), order: { action: 'reboot' } }]))
  say(JSON.stringify(Array.from({ length: 200 }, (_, index) => entry(`o${index}`))))
  say(JSON.stringify([entry('a')]), { scope: 'another' })
  await waitUntil(() => refused.length === 4)
  say(JSON.stringify([entry('long', { untilMs: Date.now() + 10 * 86_400_000 }), entry('over', { untilMs: Date.now() - 1 }), entry('b')]))
  await waitUntil(() => told.length === 1)
  assert.deepEqual([refused, told], [['malformed', 'malformed', 'malformed', 'malformed'], [['b']]])
})

test('orders lie on disk; what is over when they are read again is not obeyed, and a damaged file is passed over', async (t) => {
  const first = await makeOrders(t)
  first.say(JSON.stringify([entry('stays'), entry('ended', { endedBy: 'anna' })]))
  await waitUntil(() => first.told.length === 1)
  await first.orders.stop()
  const second = await makeOrders(t, { directory: first.directory })
  assert.deepEqual(second.told, [['stays']])
  await second.orders.stop()
  const file = join(first.directory, 'break-glass.json')
  const kept = JSON.parse(await readFile(file, 'utf8')) as BreakGlassEntry[]
  await writeFile(file, JSON.stringify(kept.map((one) => ({ ...one, untilMs: 1 }))))
  assert.deepEqual((await makeOrders(t, { directory: first.directory })).told, [])
  await writeFile(file, '{')
  const damaged = await makeOrders(t, { directory: first.directory })
  assert.deepEqual([damaged.told, damaged.log.length], [[], 1])
})
