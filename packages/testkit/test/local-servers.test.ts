import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { startProcess } from '../src/child-process.ts'
import { startNats, startRedis } from '../src/servers.ts'
import { waitUntil } from '../src/wait-until.ts'

/** What the server at `port` says to `line`; rejects when nothing listens. */
function ask(port: number, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${line}\r\n`))
    socket.setEncoding('utf8').once('data', (text: string) => {
      socket.destroy()
      resolve(text)
    })
    socket.on('error', reject)
  })
}

test('NATS comes back on its port after a kill, with JetStream or without', async (t) => {
  const [withStreams, without] = await Promise.all([startNats(), startNats({ jetStream: false })])
  t.after(() => Promise.all([withStreams.stop(), without.stop()]))
  assert.match(await ask(withStreams.port, ''), /"jetstream":true/)
  assert.doesNotMatch(await ask(without.port, ''), /"jetstream":true/)
  const { pid, port } = withStreams
  await withStreams.kill()
  await assert.rejects(ask(port, ''), { code: 'ECONNREFUSED' })
  await withStreams.restart()
  assert.match(await ask(port, ''), /^INFO/)
  assert.notEqual(withStreams.pid, pid)
})

test('Redis keeps over a restart what its settings say, and its directory goes with it', async (t) => {
  const redis = await startRedis({ config: 'appendonly yes\nappendfsync always' })
  t.after(() => redis.stop())
  await ask(redis.port, 'SET kept yes')
  await redis.kill()
  await redis.restart()
  assert.equal(await ask(redis.port, 'GET kept'), '$3\r\nyes\r\n')
  await redis.stop()
  assert.equal(existsSync(redis.directory), false)
})

test('a server ends with the process that started it, even when that is killed', async (t) => {
  const script = `import { start } from ${JSON.stringify(join(import.meta.dirname, '../../../infra/local/redis.ts'))}
    const server = await start(); console.log('redis', server.port); setInterval(() => {}, 1e6)`
  const owner = startProcess(t, process.execPath, ['--input-type=module', '-e', script])
  const [, port] = await owner.waitForLine(/^redis (\d+)/)
  owner.signal('SIGKILL')
  await waitUntil(() => ask(Number(port), 'PING').then(() => false, () => true), { what: 'the server to end' })
})

test('a server that cannot start says what it printed', async () => {
  await assert.rejects(startRedis({ config: 'no-such-setting 1' }), /redis ended while starting[^]*no-such-setting/)
})
