// PX3
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { waitUntil } from '@sluice/testkit'
import { WebSocket, WebSocketServer } from 'ws'
import type { Edge } from '../modes/system.ts'
import type { Case } from './case.ts'

function addressOf(edge: Edge, path: string): string {
  return `${edge.url.replace('http:', 'ws:')}${path}`
}

export const websockets: Case = {
  name: 'a WebSocket passes the policies, then carries messages both ways',
  async run(system, t) {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    await once(server, 'listening')
    t.after(() => {
      for (const client of server.clients) client.terminate()
      server.close()
    })
    server.on('connection', (socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })))
    await system.apply({
      upstreams: { chat: { endpoints: [{ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }] } },
      routes: [
        { name: 'chat', match: { path: '/chat' }, upstream: 'chat' },
        { name: 'closed', match: { path: '/closed' }, upstream: 'chat', policies: [{ 'key-auth': {} }] },
      ],
    })

    await t.test('messages pass both ways through each edge, and the log tells how much', async (t) => {
      for (const edge of system.edges) {
        const client = new WebSocket(addressOf(edge, '/chat'))
        t.after(() => client.terminate())
        const [[response]] = await Promise.all([once(client, 'upgrade'), once(client, 'open')]) as [[{ headers: Record<string, string> }], unknown]
        const back = once(client, 'message')
        client.send('hello')
        assert.equal(String((await back)[0]), 'hello')
        client.close(1000)
        assert.equal((await once(client, 'close'))[0], 1000)
        const line = await waitUntil(async () => (await edge.accessLog()).find(({ requestId }) => requestId === response.headers['x-request-id']), { what: 'its line in the access log' })
        assert.deepEqual([line['status'], line['route'], line['reason']], [101, 'chat', null])
        assert.ok(Number(line['bytesIn']) >= 5 && Number(line['bytesOut']) >= 5)
      }
    })

    await t.test('without a credential there is none, and the upstream does not hear of it', async () => {
      for (const edge of system.edges) {
        const before = server.clients.size
        const client = new WebSocket(addressOf(edge, '/closed'))
        client.on('error', () => undefined)
        const [, response] = (await once(client, 'unexpected-response')) as [unknown, { statusCode: number; resume(): void }]
        response.resume()
        assert.equal(response.statusCode, 401)
        assert.equal(server.clients.size, before)
      }
    })
  },
}
