import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { fetchOnce, waitUntil } from '@sluice/testkit'
import { makeKeyOf, withKey } from '../../actors/consumers.ts'
import { makeKey, mint, withBrokenSignature } from '../../actors/signing-keys.ts'
import { hasFilter } from '../../modes/zones/namespaces.ts'
import type { Row, RowContext } from '../row.ts'

const floodSeconds = 25
const floodClients = 8
const unknownKey = `sk_nobody_${'a'.repeat(43)}`

async function killAuth(context: RowContext): Promise<void> {
  const { matrix, load } = context
  const auth = matrix.zoned.service('auth')
  const before = await context.quietSpan()
  context.after(async () => void (auth.isRunning || (await auth.start())))
  const from = performance.now()
  await auth.kill()
  const ask = (headers: Record<string, string>, path: string) => fetchOnce(`${matrix.system.edges[2]!.url}${path}`, { headers })
  const unknown = await ask(withKey(unknownKey).headers, '/key/x')
  context.check(unknown.status === 503 && unknown.body.includes('dependency.auth_unreachable'), `a key that was never seen: ${unknown.status}`)
  const fresh = await ask({ authorization: `Bearer ${matrix.token({ jti: randomUUID() })}` }, '/token/x')
  context.check(fresh.status === 200, `a token that was never seen: ${fresh.status}`)
  await context.hold(5)
  context.clean(before, load.between(from, performance.now()))
  await auth.start()
  const ms = await matrix.zoned.settled()
  const again = await waitUntil(async () => {
    const { status } = await ask(withKey(unknownKey).headers, '/key/x')
    return status === 401 && status
  }, { timeoutMs: 20_000, everyMs: 50, what: 'auth to be asked again' })
  context.note(`back, settled after ${ms} ms; the unknown key is ${again} again`)
}

async function flood(context: RowContext): Promise<void> {
  const { matrix, load } = context
  const { issuer, signingKey } = matrix
  const stranger = makeKey('ES256')
  const before = await context.quietSpan()
  const unknownKid = () => mint(stranger, { sub: 'matrix', jti: randomUUID() }, { kid: randomUUID() })
  const badSignature = () => withBrokenSignature(mint(signingKey, { sub: 'matrix', jti: randomUUID() }))
  for (const [name, make] of [['unknown key ids', unknownKid], ['bad signatures', badSignature]] as const) {
    const asked = issuer.askedAt.length
    const from = performance.now()
    const statuses = await floodWith(context, make)
    const span = load.between(from, performance.now())
    const count = [...statuses.values()].reduce((sum, often) => sum + often, 0)
    const calls = issuer.askedAt.length - asked
    context.check(!statuses.has(200) && [...statuses.keys()].every((status) => [401, 429, 503].includes(status)), `${name}: ${Math.round(count / floodSeconds)}/s, answered ${[...statuses].map(([status, often]) => `${often} × ${status}`).join(', ')}`)
    context.check(calls <= Math.ceil(floodSeconds / 10) + 1, `${calls} questions to the issuer in ${floodSeconds} s`)
    const failed = [...span.faults.values()].reduce((sum, often) => sum + often, 0)
    context.check(failed === 0, `${span.requests} good requests meanwhile, ${failed} failed`)
    context.check(span.p99 <= Math.max(3 * before.p99, 300), `p99 ${Math.round(before.p99)} → ${Math.round(span.p99)} ms`)
  }
  await issuer.kill()
  context.after(() => issuer.start())
  const from = performance.now()
  await context.hold(1)
  context.note('the issuer killed')
  context.clean(before, load.between(from, performance.now()))
}

async function floodWith({ matrix }: RowContext, make: () => string): Promise<Map<number, number>> {
  const statuses = new Map<number, number>()
  const until = performance.now() + floodSeconds * 1000
  const client = async (index: number) => {
    const { url } = matrix.system.edges[index % matrix.system.edges.length]!
    while (performance.now() < until) {
      const { status } = await fetchOnce(`${url}/token/flood`, { headers: { authorization: `Bearer ${make()}` } })
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      await sleep(10)
    }
  }
  await Promise.all(Array.from({ length: floodClients }, (_, index) => client(index)))
  return statuses
}

async function revokeWhileCutOff(context: RowContext): Promise<void> {
  const { matrix } = context
  const { zones } = matrix.zoned
  const key = await makeKeyOf(matrix.system, 'matrix')
  const ask = async (edge: string, route = 'key') => (await fetchOnce(`${matrix.zoned.edge(edge).url}/${route}/revoked`, withKey(key.key))).status
  for (let round = 0; round < 6; round++) for (const { name } of matrix.system.edges) for (const route of ['key', 'strict']) await ask(name, route)
  context.after(() => zones.c.unfilter())
  zones.c.filter({ input: ['tcp sport 4222 drop', 'tcp dport 4222 drop'], output: ['tcp dport 4222 drop', 'tcp sport 4222 drop'] })
  const revoked = performance.now()
  const { status } = await matrix.system.admin('DELETE', `/v1/consumers/matrix/credentials/${key.id}`)
  context.check(status < 300, `revoked: ${status}`)
  await Promise.all(['edge-a', 'edge-b'].map((edge) => waitUntil(async () => (await ask(edge)) === 401, { timeoutMs: 20_000, everyMs: 20, what: `${edge} to refuse` })))
  const ms = Math.round(performance.now() - revoked)
  context.check(ms <= 1000, `refused by the edges that are connected after ${ms} ms`)
  await waitUntil(async () => (await ask('edge-c', 'strict')) === 503, { timeoutMs: 60_000, everyMs: 50, what: 'the edge to refuse what it cannot know' })
  const blindMs = Math.round(performance.now() - revoked)
  context.check(blindMs <= 31_000, `cut off: 503 by \`whenBlind: refuse\` after ${blindMs} ms`)
  context.note(`where nothing is set it is let in for up to \`staleSeconds\`: ${await ask('edge-c')}`)
  const healed = performance.now()
  zones.c.unfilter()
  await Promise.all(['edge-c', 'edge-d'].map((edge) => waitUntil(async () => (await ask(edge)) === 401, { timeoutMs: 60_000, everyMs: 20, what: `${edge} to refuse` })))
  context.check(performance.now() - healed <= 15_000, `refused there ${Math.round(performance.now() - healed)} ms after it healed`)
}

export const identityRows: readonly Row[] = [
  { id: 'auth-killed', fault: 'auth service down 5 min', expectation: 'clean for tokens and known keys; an unknown key is 503', run: killAuth },
  { id: 'floods', fault: 'floods of unknown key ids and bad signatures; then the issuer down', expectation: 'at most one question to the issuer in 10 s for each auth; good p99 within 3×; none let in', run: flood },
  { id: 'revoke-while-cut-off', fault: 'a key revoked while a zone is cut off from NATS', expectation: 'connected edges refuse within 1 s; on cut-off ones routes with `whenBlind: refuse` within 31 s, the others once it healed', cannot: () => (hasFilter() ? undefined : 'nft is not there, or its rules are not permitted'), run: revokeWhileCutOff },
]
