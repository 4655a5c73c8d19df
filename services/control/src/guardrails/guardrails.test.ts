import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pointerOf } from '../validation/problem.ts'
import type { WrittenDocument } from '../revisions/resources.ts'
import { checkGuardrails } from './guardrails.ts'

const nowMs = Date.parse('2026-06-01T00:00:00Z')
type Rule = NonNullable<WrittenDocument['guardrails']>[number]

function found(rule: Partial<Rule>, document: Partial<WrittenDocument>, only?: readonly string[]) {
  const { problems, warnings } = checkGuardrails({ version: 1, ...document, guardrails: [{ name: 'rule', ...rule } as Rule] }, { nowMs, only: only && new Set(only) })
  return [...problems, ...warnings].map(({ path, message }) => `${pointerOf(path)}: ${message}`)
}

const jwt = { jwt: { jwksFile: 'keys.json' } }
const route = (name: string, more: object = {}) => ({ name, match: { path: `/${name}` }, ...more })
const upstreams = { users: { endpoints: [{ url: 'http://10.0.0.1' }], policies: [jwt] }, open: { endpoints: [{ url: 'https://10.0.0.1' }] } }

test('a route has authentication by its own policies, those of its upstream on every way, or those for all', () => {
  const rule = { require: 'authentication' as const }
  const routes = [
    route('own', { policies: [jwt] }), route('of-upstream', { upstream: 'users' }), route('none', { upstream: 'open' }),
    route('one-way', { split: [{ upstream: 'users', weight: 1 }, { upstream: 'open', weight: 1 }] }),
    route('off', { upstream: 'users', policies: [{ jwt: false }] }),
    route('anonymous', { policies: [{ any: { methods: [jwt], anonymous: 'guest' } }] }),
    route('any', { policies: [{ any: { methods: [jwt] } }] }),
  ]
  const broken = (document: Partial<WrittenDocument>) => found(rule, document).map((one) => one.match(/: routes\/(\S+) breaks/)![1])
  assert.deepEqual(broken({ routes, upstreams }), ['none', 'one-way', 'off', 'anonymous'])
  assert.deepEqual(broken({ routes, upstreams, policies: [jwt] }), ['off'])
  assert.equal(found(rule, { routes, upstreams })[0], '/routes/2: routes/none breaks the guardrail "rule": nothing says who is calling')
})

test('policies are asked for and forbidden', () => {
  const routes = [route('limited', { policies: [{ 'rate-limit': { limit: 1 } }] }), route('faulty', { policies: [{ fault: { abortStatus: 503 } }] })]
  assert.deepEqual(found({ require: 'policies', policies: ['rate-limit'] }, { routes }), ['/routes/1: routes/faulty breaks the guardrail "rule": the policy "rate-limit" is not in force'])
  assert.deepEqual(found({ require: 'no-policies', policies: ['fault'] }, { routes }), ['/routes/1: routes/faulty breaks the guardrail "rule": the policy "fault" is in force'])
})

test('owners and labels are asked of routes and upstreams, or of what the rule says', () => {
  const document = { routes: [route('a', { owner: 'web', labels: { team: 'web' } }), route('b')], upstreams: { u: { endpoints: [{ url: 'http://a' }] } }, groups: [{ name: 'gold' }] }
  assert.deepEqual(found({ require: 'owner' }, document).map((one) => one.split(':')[0]), ['/routes/1', '/upstreams/u'])
  assert.deepEqual(found({ require: 'owner', of: ['groups'] }, document), ['/groups/0: groups/gold breaks the guardrail "rule": it says no owner'])
  assert.deepEqual(found({ require: 'labels', labels: ['team'], of: ['routes'] }, document), ['/routes/1: routes/b breaks the guardrail "rule": it has no label "team"'])
})

test('routes name hosts, all among those allowed', () => {
  const routes = [route('any'), route('ours', { match: { hosts: ['api.example.com:8443', '*.shop.example.com'] } }), route('strange', { match: { hosts: ['api.example.com', 'example.org'] } })]
  assert.deepEqual(found({ require: 'hosts', hosts: ['*.example.com'] }, { routes }), [
    '/routes/0: routes/any breaks the guardrail "rule": it takes requests for any host',
    '/routes/2: routes/strange breaks the guardrail "rule": the host "example.org" is not among those allowed',
  ])
})

test('upstreams are spoken to over TLS, unless they are on this machine', () => {
  const document = { upstreams: { ...upstreams, here: { endpoints: [{ url: 'http://127.0.0.1:1' }, { url: 'unix:/run/a.sock' }] } } }
  assert.deepEqual(found({ require: 'encrypted-upstreams' }, document), ['/upstreams/users: upstreams/users breaks the guardrail "rule": http://10.0.0.1 is spoken to without TLS'])
})

test('a rule is for those whom it names: by labels, and by hosts that a route may be asked for', () => {
  const routes = [route('public', { labels: { exposure: 'public' }, match: { hosts: ['www.example.com'] } }), route('internal', { match: { hosts: ['in.example.org'] } }), route('everywhere')]
  const names = (where: object) => found({ require: 'authentication', where }, { routes }).map((one) => one.split(':')[0])
  assert.deepEqual(names({ labels: { exposure: 'public' } }), ['/routes/0'])
  assert.deepEqual(names({ hosts: ['*.example.com'] }), ['/routes/0', '/routes/2'])
})

test('a waiver lets one resource pass until it ends, which is told two weeks before', () => {
  const waived = (expires: string) => found({ require: 'owner', of: ['routes'], waivers: [{ resource: 'routes/a', reason: 'moves', expires }] }, { routes: [route('a')] })
  assert.deepEqual(waived('2026-12-01T00:00:00Z'), [])
  assert.deepEqual(waived('2026-06-10T00:00:00Z'), ['/routes/0: the waiver of routes/a from the guardrail "rule" ends at 2026-06-10T00:00:00Z'])
  assert.deepEqual(waived('2026-06-01T00:00:00Z'), ['/routes/0: routes/a breaks the guardrail "rule": it says no owner; its waiver ended at 2026-06-01T00:00:00Z'])
})

test('a warning is told and refuses nothing; what is not looked at is not told', () => {
  const document: WrittenDocument = { version: 1, routes: [route('a'), route('b')] as never, guardrails: [{ name: 'w', require: 'owner', of: ['routes'], severity: 'warning' }] }
  const { problems, warnings } = checkGuardrails(document, { nowMs })
  assert.deepEqual([problems.length, warnings.length], [0, 2])
  assert.deepEqual(found({ require: 'owner' }, { routes: [route('a'), route('b')] }, ['routes/b']).map((one) => one.split(':')[0]), ['/routes/1'])
})
