// ST1: from one kind of store to another by `sluice export` and `sluice apply`; the keys go along
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fetchOnce } from '@sluice/testkit'
import { makeConsumer, makeKeyOf, withKey } from '../actors/consumers.ts'
import { startEmbedded } from '../modes/embedded.ts'
import type { Case } from './case.ts'

export const storeMove: Case = {
  name: 'what is exported from one store and applied to another serves there as it did, API keys included',
  modes: ['distributed'],
  async run(system, t) {
    await system.apply({
      groups: [{ name: 'movers' }],
      routes: [{ name: 'moved', match: { path: '/moved' }, policies: [{ 'key-auth': {} }, { acl: { allow: { groups: ['movers'] } } }, { 'fixed-response': { body: 'moved' } }] }],
    })
    await makeConsumer(system, 'mover', { groups: ['movers'] })
    const { key } = await makeKeyOf(system, 'mover')
    const exported = await system.cli(['export', '--json'])
    assert.equal(exported.code, 0, exported.stderr)
    const other = await startEmbedded(t)
    const file = join(other.directory, 'exported.json')
    // Its own addresses: the old one still runs on the others.
    await writeFile(file, JSON.stringify(other.complete(withoutAddresses(JSON.parse(exported.stdout)))))
    const applied = await other.cli(['apply', '-c', file, '--wait'])
    assert.equal(applied.code, 0, applied.stderr)
    const { status, body } = await fetchOnce(`${other.edges[0]!.url}/moved`, withKey(key))
    assert.deepEqual([status, body], [200, 'moved'])
    assert.deepEqual(await consumersOf(other), await consumersOf(system))
    assert.equal((await other.cli(['diff', '-c', file])).code, 0)
  },
}

function withoutAddresses({ listeners: _, telemetry: __, ...config }: Record<string, unknown>): Record<string, unknown> {
  return config
}

async function consumersOf({ admin }: Parameters<Case['run']>[0]): Promise<unknown> {
  return (await admin('GET', '/v1/consumers?limit=1000')).json()
}
