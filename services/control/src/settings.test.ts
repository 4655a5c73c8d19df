import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openingSettingsOf, readSettings, storeDoors, type SettingsError } from '@sluice/service-kit'
import { adminTlsOf, controlSettings } from './settings.ts'

test('every wrong variable is named, and no value shown', () => {
  assert.throws(
    () => readSettings(controlSettings, { SLUICE_ADMIN_ADDRESS: 'nowhere', SLUICE_DRAIN_SECONDS: 'shortly', SLUICE_STORE: 'mysql' }),
    (error: SettingsError) => {
      assert.deepEqual(error.problems.map((problem) => problem.split(':')[0]).sort(), ['SLUICE_ADMIN_ADDRESS', 'SLUICE_DRAIN_SECONDS', 'SLUICE_STORE'])
      return !error.message.includes('shortly')
    },
  )
})

test('certificate and key go together and can be read', () => {
  const only = readSettings(controlSettings, { SLUICE_ADMIN_CERT: 'cert.pem' })
  assert.throws(() => adminTlsOf(only), /SLUICE_ADMIN_CERT and SLUICE_ADMIN_KEY go together/)
  const missing = readSettings(controlSettings, { SLUICE_ADMIN_CERT: '/nowhere/cert.pem', SLUICE_ADMIN_KEY: '/nowhere/key.pem' })
  assert.throws(() => adminTlsOf(missing), /SLUICE_ADMIN_CERT: \/nowhere\/cert\.pem cannot be read \(ENOENT\)/)
})

test('the store is opened with what was set and nothing else', () => {
  assert.deepEqual(openingSettingsOf(readSettings(controlSettings, {}), '/data'), { directory: '/data' })
  const cassandra = readSettings(controlSettings, { SLUICE_STORE: 'cassandra', SLUICE_CASSANDRA_CONTACT_POINTS: 'a,b:9043', SLUICE_CASSANDRA_DATACENTER: 'dc1' })
  assert.deepEqual(openingSettingsOf(cassandra, '/data'), { contactPoints: ['a', 'b:9043'], localDatacenter: 'dc1', keyspace: 'sluice' })
  const url = 'postgres://sluice:secret@db.example/sluice'
  assert.deepEqual(openingSettingsOf(readSettings(controlSettings, { SLUICE_STORE: 'postgres', SLUICE_POSTGRES_URL: url }), '/data'), { url: [url] })
  assert.throws(() => openingSettingsOf(readSettings(controlSettings, { SLUICE_STORE: 'postgres' }), '/data'), /SLUICE_POSTGRES_URL: needed for SLUICE_STORE=postgres/)
})

test('a way to PostgreSQL in clear is a door like the others', () => {
  const doors = (url: string) => storeDoors(readSettings(controlSettings, { SLUICE_STORE: 'postgres', SLUICE_POSTGRES_URL: url })).map((door) => door.setting)
  assert.deepEqual(doors('postgres://u:p@db.example/sluice'), ['SLUICE_POSTGRES_URL'])
  assert.deepEqual(doors('postgres://u:p@db.example/sluice?sslmode=disable&sslrootcert=ca.pem'), ['SLUICE_POSTGRES_URL'])
  for (const encrypted of ['?sslmode=verify-full', '?sslmode=require', '?sslrootcert=ca.pem']) assert.deepEqual(doors(`postgres://u:p@db.example/sluice${encrypted}`), [])
})
