// The bus on a cluster of three servers that are killed in turn.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { missingServer, startNatsCluster, waitUntil } from '@sluice/testkit'
import { bytes, text } from '../bus-network.contract.ts'
import { createNatsBus } from './nats.ts'

test('each of three servers is killed in turn: what is asked is answered again, by one who was told of one server as well', { skip: missingServer('nats') }, async (t) => {
  const servers = await startNatsCluster()
  t.after(() => Promise.all(servers.map((server) => server.stop())))
  const open = (urls: string[]) => {
    const bus = createNatsBus({ urls, reconnectWaitMs: 50 })
    t.after(() => bus.drain(500))
    return bus
  }
  const [asking, answering] = [open(servers.map(({ url }) => url)), open([servers[0]!.url])]
  answering.subscribe('echo', (message) => message.respond(message.data))
  const isAnswered = () => asking.request('echo', bytes('hello'), { timeoutMs: 1000 }).then((reply) => text(reply) === 'hello', () => false)
  await waitUntil(isAnswered, { what: 'the first answer' })
  for (const server of servers) {
    await server.kill()
    await waitUntil(isAnswered, { timeoutMs: 20_000, what: 'an answer with one server gone' })
    await server.restart()
    await waitUntil(isAnswered, { timeoutMs: 20_000, what: 'an answer with the server back' })
  }
  assert.deepEqual([asking.status, answering.status], ['connected', 'connected'])
})
