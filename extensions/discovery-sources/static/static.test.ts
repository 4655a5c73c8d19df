import assert from 'node:assert/strict'
import { test } from 'node:test'
import { discoverySourceContract } from '../discovery-source.contract.ts'
import { schema } from './schema.ts'
import { createSource } from './static.ts'

const urlOf = (id: string) => `http://${id}.internal:9001`
const open = (endpoints: object[]) => createSource(schema.settings.parse({ endpoints }))

discoverySourceContract('static', (ids) => ({ source: open(ids.map((id) => ({ url: urlOf(id) }))) }))

test('a static endpoint is known by its URL and keeps its weight, zone and priority', () => {
  open([{ url: urlOf('a'), weight: 3, zone: 'z1', priority: 2 }]).follow(([endpoint]) => {
    assert.partialDeepStrictEqual(endpoint, { id: urlOf('a'), url: urlOf('a'), weight: 3, zone: 'z1', priority: 2 })
  })
})

test('of two static endpoints with one URL the first counts', () => {
  open([{ url: urlOf('a'), weight: 3 }, { url: urlOf('a'), weight: 7 }]).follow((endpoints) => {
    assert.deepEqual(endpoints.map(({ weight }) => weight), [3])
  })
})
