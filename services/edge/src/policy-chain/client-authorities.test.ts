import assert from 'node:assert/strict'
import { it } from 'node:test'
import { route } from '@sluice/proto/config'
import { ClientAuthorities } from './client-authorities.ts'

const routeWith = (...policies: Record<string, unknown>[]) => route.parse({ name: 'r', match: { pathPrefix: '/' }, upstream: 'u', policies })
const mtls = (caFile: string) => ({ 'mtls-auth': { caFile } })

it('authorities stand at routes, nested in other policies, and elsewhere; each is told once', () => {
  const authorities = new ClientAuthorities()
  assert.equal(authorities.after([['a', routeWith({ 'key-auth': {} })]], [[]]), undefined)
  const routes = [['a', routeWith(mtls('one'))], ['b', routeWith({ any: { methods: [{ 'key-auth': {} }, mtls('two')] } })], ['c', routeWith(mtls('one'), { jwt: false })]] as const
  assert.deepEqual(authorities.after(routes, [[mtls('two')], [mtls('three')]]), ['one', 'two', 'three'])
})

it('nothing changes before a change is adopted, and what is gone counts no more', () => {
  const authorities = new ClientAuthorities()
  assert.deepEqual(authorities.after([['a', routeWith(mtls('one'))]], []), ['one'])
  assert.equal(authorities.after([], []), undefined)
  authorities.adopt([['a', routeWith(mtls('one'))], ['b', routeWith(mtls('two'))]])
  assert.deepEqual(authorities.after([], []), ['one', 'two'])
  assert.deepEqual(authorities.after([['a', undefined], ['b', routeWith({ 'mtls-auth': false })]], []), undefined)
})
