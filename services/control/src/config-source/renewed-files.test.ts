import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createLogger } from '@sluice/service-kit'
import { RenewedFiles } from './renewed-files.ts'

const pem = (text: string) => `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----`

async function start(t: TestContext, values: Record<string, string> | undefined) {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-renewed-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const log: string[] = []
  const under = { values, renewed: [] as (readonly string[])[], fails: undefined as string | undefined }
  const files = new RenewedFiles({
    logger: createLogger('control', { level: 'info', destination: { write: (line) => void log.push(line) } }),
    values: async () => under.values,
    directories: async () => [join(directory, 'nowhere'), directory],
    renew: async (references) => {
      if (under.fails !== undefined) throw new Error(under.fails)
      return under.renewed.push(references)
    },
  })
  return { under, files, log, write: (name: string, text: string) => writeFile(join(directory, name), text) }
}

test('a file that holds another certificate than was read is renewed, one that holds the same is not', async (t) => {
  const { under, files, write } = await start(t, { 'file:a.pem': pem('A'), 'file:b.pem': pem('B') })
  await write('a.pem', `${pem('A')}\n`)
  await write('b.pem', pem('B'))
  await files.look()
  assert.deepEqual(under.renewed, [])
  await write('b.pem', pem('new'))
  await files.look()
  assert.deepEqual(under.renewed, [['file:b.pem']])
})

test('what is no certificate, no file, or cannot be read now is left alone', async (t) => {
  const { under, files, write } = await start(t, { 'file:password': 'old', 'env:CERT': pem('A'), 'file:gone.pem': pem('A') })
  await write('password', 'new')
  await files.look()
  under.values = undefined
  await files.look()
  assert.deepEqual(under.renewed, [])
})

test('a renewal that cannot be taken is told once, and tried again', async (t) => {
  const { under, files, log, write } = await start(t, { 'file:a.pem': pem('A') })
  await write('a.pem', pem('new'))
  under.fails = 'the private key does not belong to the certificate'
  await files.look()
  await files.look()
  assert.equal(log.length, 1)
  assert.match(log[0]!, /renewed files cannot be taken yet/)
  under.fails = undefined
  await files.look()
  assert.deepEqual(under.renewed, [['file:a.pem']])
})
