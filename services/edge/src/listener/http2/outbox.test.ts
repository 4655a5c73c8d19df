import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { Writable } from 'node:stream'
import { it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { TextWriter } from '../../text-writer.ts'
import { Outbox, SendRound } from './outbox.ts'

function open(): { outbox: Outbox; other: Outbox; writes: string[] } {
  const writes: string[] = []
  const socket = new Writable({
    decodeStrings: false,
    write: (chunk: string | Buffer, _encoding, done) => {
      writes.push(chunk.toString('latin1'))
      done()
    },
    writev: (chunks: { chunk: string | Buffer }[], done) => {
      writes.push(chunks.map(({ chunk }) => chunk.toString('latin1')).join(''))
      done()
    },
  }) as unknown as Socket
  const round = new SendRound()
  const make = () => new Outbox(socket, new TextWriter(socket, true), round)
  return { outbox: make(), other: make(), writes }
}

it('what one turn brings leaves in one write for each connection, in its order', async () => {
  const { outbox, other, writes } = open()
  outbox.add('one ')
  other.add('elsewhere')
  outbox.add('two ')
  outbox.addContent('three ', Buffer.from('four '))
  outbox.add('five')
  assert.deepEqual(writes, [])
  assert.equal(outbox.unsent, 23)
  await turn()
  assert.deepEqual(writes, ['one two three four five', 'elsewhere'])
  outbox.add('next')
  await turn()
  assert.deepEqual(writes.slice(2), ['next'])
})

it('much of it leaves at once, and nothing twice', async () => {
  const { outbox, writes } = open()
  const big = 'x'.repeat(70_000)
  outbox.add('a')
  outbox.add(big)
  assert.deepEqual(writes, [`a${big}`])
  outbox.add('b')
  outbox.flush()
  await turn()
  assert.deepEqual(writes, [`a${big}`, 'b'])
})
