// What the rows act on: three zones with the configuration and the clients that all rows share.
import { fetchOnce, waitUntil, type Cleanup } from '@sluice/testkit'
import { makeConsumer, makeKeyOf, withKey } from '../actors/consumers.ts'
import { type Ask, OpenLoad } from '../actors/open-load.ts'
import { type PlainTarget, startTarget } from '../actors/plain-target.ts'
import { makeKey, mint, type SigningKey } from '../actors/signing-keys.ts'
import { outside } from '../modes/zones/namespaces.ts'
import { startZoned, type ZonedSystem } from '../modes/zones/zoned.ts'
import { IssuerDouble } from './issuer-double.ts'

const targetPort = 9000
const issuerPort = 9100
/** Requests a second over all edges; the design says 2000, of a machine for each zone. */
export const ratePerSecond = Number(process.env.SLUICE_MATRIX_RATE ?? '120')

export class MatrixSystem {
  readonly zoned: ZonedSystem
  readonly targets: readonly PlainTarget[]
  readonly issuer: IssuerDouble
  readonly signingKey: SigningKey
  readonly apiKey: { readonly id: string; readonly key: string }

  constructor(parts: Pick<MatrixSystem, 'zoned' | 'targets' | 'issuer' | 'signingKey' | 'apiKey'>) {
    this.zoned = parts.zoned
    this.targets = parts.targets
    this.issuer = parts.issuer
    this.signingKey = parts.signingKey
    this.apiKey = parts.apiKey
  }

  get system() {
    return this.zoned.system
  }

  token(claims: Record<string, unknown> = {}): string {
    return mint(this.signingKey, { sub: 'matrix', ...claims })
  }

  /** The base load: routes without a policy, with tokens, with an API key, and with a limit that is never spent. */
  openLoad(): OpenLoad {
    const token = this.token({ exp: Math.floor(Date.now() / 1000) + 36_000 })
    const at = (kind: string, headers: Record<string, string> = {}): Ask => ({ kind, path: `/${kind}/of/this`, headers, isRight: (body) => body === `at /${kind}/of/this` })
    return new OpenLoad(this.system.edges, [at('open'), at('token', { authorization: `Bearer ${token}` }), at('key', withKey(this.apiKey.key).headers), at('limited')], ratePerSecond)
  }

  /** Changes what the route `versioned` answers; the admin API's answer. */
  change(body: string, query = '') {
    return this.system.admin('PUT', `/v1/routes/versioned${query}`, versioned(body))
  }

  /** Resolves with the milliseconds until each of the edges answers with `body` there. */
  async reaches(body: string, timeoutMs: number, edges = this.system.edges): Promise<number> {
    const began = performance.now()
    const answers = (url: string) => fetchOnce(`${url}/versioned`, { timeoutMs: 2000 }).then((answer) => answer.body === body)
    await Promise.all(edges.map((edge) => waitUntil(() => answers(edge.url), { timeoutMs, everyMs: 25, what: `${edge.name} to run the change` })))
    return Math.round(performance.now() - began)
  }

  /** The configuration of all rows, with more routes, upstreams or changed ones. */
  config({ routes = [], upstreams = {} }: { routes?: readonly object[]; upstreams?: Readonly<Record<string, object>> } = {}) {
    const route = (name: string, ...policies: object[]) => ({ name, match: { pathPrefix: `/${name}` }, upstream: 'targets', policies })
    return {
      upstreams: { targets: { endpoints: this.targets.map(({ url }) => ({ url })), health: { active: { path: '/health', intervalSeconds: 1 } } }, ...upstreams },
      routes: [
        route('open'),
        route('token', { jwt: { jwksUri: `${this.issuer.url}/jwks`, insecure: true, algorithms: ['ES256'] } }),
        route('key', { 'key-auth': {} }),
        route('strict', { 'key-auth': { whenBlind: 'refuse' } }),
        route('limited', { 'rate-limit': { limit: 10_000_000, windowSeconds: 60, key: 'route', mode: 'exact' } }),
        { name: 'versioned', ...versioned('first') },
        ...routes,
      ],
    }
  }
}

const versioned = (body: string) => ({ match: { path: '/versioned' }, policies: [{ 'fixed-response': { body } }] })

export async function startMatrixSystem(t: Cleanup): Promise<MatrixSystem> {
  const zoned = await startZoned(t)
  const targets = await Promise.all([1, 2, 3, 4].map((last) => startTarget(t, outside.replace(/1$/, String(last)), targetPort)))
  const signingKey = makeKey('ES256')
  const issuer = await IssuerDouble.start(t, outside, issuerPort, [signingKey])
  const parts = { zoned, targets, issuer, signingKey }
  const unready = new MatrixSystem({ ...parts, apiKey: { id: '', key: '' } })
  await zoned.system.apply(unready.config())
  await makeConsumer(zoned.system, 'matrix')
  const apiKey = await makeKeyOf(zoned.system, 'matrix')
  await zoned.settled()
  return new MatrixSystem({ ...parts, apiKey })
}
