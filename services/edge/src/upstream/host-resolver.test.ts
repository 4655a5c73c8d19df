import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import type { LookupAddress, LookupOptions } from 'node:dns'
import { once } from 'node:events'
import { it, type TestContext } from 'node:test'
import { HostResolver, resolveHost } from './host-resolver.ts'

const four = (address: string): LookupAddress => ({ address, family: 4 })

function scripted() {
  const script = { now: 0, answer: async (): Promise<readonly LookupAddress[]> => [], asked: 0, failures: [] as string[] }
  const resolver = new HostResolver({
    resolve: () => {
      script.asked++
      return script.answer()
    },
    now: () => script.now,
    onFailure: (host, error, kept) => void script.failures.push(`${host} ${error.message} ${kept}`),
  })
  return { script, resolver, ask: (host = 'users.internal', options: LookupOptions = { all: true }) => look(resolver, host, options) }
}

function look(resolver: HostResolver, host: string, options: LookupOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    resolver.lookup(host, options, (error, addresses) => (error === null ? resolve(typeof addresses === 'string' ? addresses : addresses.map(({ address }) => address)) : reject(error)))
  })
}

it('an answer is used for five seconds, then asked for anew while the old one still serves', async () => {
  const { script, ask } = scripted()
  script.answer = async () => [four('10.0.0.1')]
  assert.deepEqual(await ask(), ['10.0.0.1'])
  script.answer = async () => [four('10.0.0.2')]
  script.now = 4999
  assert.deepEqual(await ask(), ['10.0.0.1'])
  assert.equal(script.asked, 1)
  script.now = 5000
  assert.deepEqual(await ask(), ['10.0.0.1'])
  assert.equal(script.asked, 2)
  assert.deepEqual(await ask(), ['10.0.0.2'])
})

it('many connections at once ask once', async () => {
  const { script, ask } = scripted()
  script.answer = async () => [four('10.0.0.1')]
  await Promise.all(Array.from({ length: 20 }, () => ask()))
  assert.equal(script.asked, 1)
})

it('the last good answer stays good while names cannot be resolved, however long', async () => {
  const { script, ask } = scripted()
  script.answer = async () => [four('10.0.0.1')]
  await ask()
  script.answer = async () => Promise.reject(new Error('the name server is away'))
  for (const now of [6000, 60_000, 86_400_000]) {
    script.now = now
    assert.deepEqual(await ask(), ['10.0.0.1'])
  }
  assert.ok(script.failures.every((failure) => failure === 'users.internal the name server is away true'))
  assert.ok(script.failures.length >= 2)
})

it('an old answer is replaced before it is used, when that goes', async () => {
  const { script, ask } = scripted()
  script.answer = async () => [four('10.0.0.1')]
  await ask()
  script.now = 61_000
  script.answer = async () => [four('10.0.0.2')]
  assert.deepEqual(await ask(), ['10.0.0.2'])
})

it('a name that was never resolved is an error, and is asked for again by the next connection', async () => {
  const { script, ask } = scripted()
  script.answer = async () => Promise.reject(new Error('the name server is away'))
  await assert.rejects(ask(), /the name server is away/)
  script.answer = async () => []
  await assert.rejects(ask(), { code: 'ENOTFOUND' })
  script.answer = async () => [four('10.0.0.1')]
  assert.deepEqual(await ask(), ['10.0.0.1'])
})

it('one address is told to who asks for one, and those of a family to who asks for it', async () => {
  const { script, ask } = scripted()
  script.answer = async () => [{ address: '2001:db8::1', family: 6 }, four('10.0.0.1')]
  assert.equal(await ask('users.internal', {}), '2001:db8::1')
  assert.equal(await ask('users.internal', { family: 4 }), '10.0.0.1')
  assert.deepEqual(await ask('users.internal', { all: true, family: 'IPv6' }), ['2001:db8::1'])
  script.answer = async () => [four('10.0.0.1')]
  await assert.rejects(ask('other.internal', { family: 6 }), { code: 'ENOTFOUND' })
})

it('no more than a thousand names are remembered, the latest ones', async () => {
  const { script, ask } = scripted()
  script.answer = async () => [four('10.0.0.1')]
  for (let index = 0; index < 1100; index++) {
    script.now = index / 1000
    await ask(`host-${index}`)
  }
  await ask('host-1099')
  assert.equal(script.asked, 1100)
  await ask('host-0')
  assert.equal(script.asked, 1101)
})

/** A name server that knows the A record of `known.test` and nothing else. */
async function nameServer(t: TestContext): Promise<string> {
  const socket = createSocket('udp4')
  t.after(() => new Promise<void>((resolve) => socket.close(() => resolve())))
  socket.on('message', (question, peer) => {
    const end = question.indexOf(0, 12) + 5
    const isKnown = question.subarray(12, 24).toString('latin1').includes('known')
    const hasAnswer = isKnown && question.readUInt16BE(end - 4) === 1
    const head = Buffer.from([question[0]!, question[1]!, 0x81, isKnown ? 0x80 : 0x83, 0, 1, 0, hasAnswer ? 1 : 0, 0, 0, 0, 0])
    const record = hasAnswer ? Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 9, 8, 7]) : Buffer.alloc(0)
    socket.send(Buffer.concat([head, question.subarray(12, end), record]), peer.port, peer.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return `127.0.0.1:${socket.address().port}`
}

it('name servers that are named are asked themselves', async (t) => {
  const resolve = resolveHost([await nameServer(t)])
  assert.deepEqual(await resolve('known.test'), [four('10.9.8.7')])
  await assert.rejects(resolve('other.test'), { code: 'ENOTFOUND' })
})

it('without name servers the machine is asked, /etc/hosts included', async () => {
  const addresses = await resolveHost([])('localhost')
  assert.ok(addresses.some(({ address }) => address === '127.0.0.1' || address === '::1'))
})
