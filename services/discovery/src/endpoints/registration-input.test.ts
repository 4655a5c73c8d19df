import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { RegisterRequestSchema } from '@sluice/proto/messages/discovery'
import { readRegistration } from './registration-input.ts'

const read = (overrides: MessageInitShape<typeof RegisterRequestSchema> = {}) =>
  readRegistration(create(RegisterRequestSchema, { scope: 'default', service: 'users', id: 'users-1', address: '10.0.0.7', port: 9001, ...overrides }))

suite('what an instance may register', () => {
  test('an address and a port make its URL', () => {
    assert.equal(read().url, 'http://10.0.0.7:9001')
    assert.equal(read({ address: 'users-1.internal' }).url, 'http://users-1.internal:9001')
    assert.equal(read({ address: 'fd00::7' }).url, 'http://[fd00::7]:9001')
  })

  test('a weight that was left out is 1', () => {
    assert.equal(read().weight, 1)
    assert.equal(read({ weight: 2.5 }).weight, 2.5)
  })

  test('names and addresses that are none are refused', () => {
    const wrong: MessageInitShape<typeof RegisterRequestSchema>[] = [
      { service: '' }, { service: 'a/b' }, { id: '' }, { id: 'x'.repeat(200) }, { address: '' }, { address: 'a b' }, { address: '10.0.0.7/x' }, { address: 'user@host' },
      { address: 'host:80' }, { address: '-host' }, { port: 0 }, { port: 70_000 }, { weight: -1 }, { weight: NaN }, { weight: 1e9 },
      { tags: Array.from({ length: 65 }, () => 't') }, { version: 'v'.repeat(129) }, { zone: 'z'.repeat(129) },
    ]
    for (const overrides of wrong) assert.throws(() => read(overrides), { code: 'client.bad_request' }, JSON.stringify(overrides))
  })

  test('a health URL leads to the registered address, at any port and path', () => {
    assert.equal(read({ healthUrl: 'http://10.0.0.7:9100/live?full=1' }).healthUrl, 'http://10.0.0.7:9100/live?full=1')
    assert.equal(read({ address: 'Users-1.internal', healthUrl: 'https://users-1.internal/live' }).healthUrl, 'https://users-1.internal/live')
    assert.equal(read({ address: 'fd00::7', healthUrl: 'http://[fd00:0::7]:1/' }).healthUrl, 'http://[fd00::7]:1/')
  })

  test('a health URL to anywhere else is refused: discovery asks nobody on another one’s behalf', () => {
    const urls = ['http://169.254.169.254/latest/meta-data', 'http://10.0.0.7@10.0.0.8/', 'http://user:pw@10.0.0.7/', 'http://10.0.0.7.evil.test/', 'file:///etc/passwd', 'ftp://10.0.0.7/', '//10.0.0.7/', 'nonsense']
    for (const healthUrl of urls) assert.throws(() => read({ healthUrl }), { code: 'client.bad_request' }, healthUrl)
  })
})
