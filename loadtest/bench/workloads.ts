/** The two workloads: W1 proxies and no more; W2 does on each request what a gateway is bought for. */
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exportJWK, SignJWT } from 'jose'
import { gateway, type BenchPlace, type Contender } from './contenders.ts'

const consumers = 16

/** The gateway's configuration for the bench; `routes` beside the one that is asked for have paths of their own. */
export function workload(place: BenchPlace, { policies = [], telemetry = {}, routes = 1 }: { policies?: readonly object[]; telemetry?: object; routes?: number }): object {
  const others = Array.from({ length: routes - 1 }, (_, index) => ({ name: `other-${index}`, match: { path: `/other/${index}/{id}` }, upstream: 'up' }))
  return {
    version: 1,
    // All the load comes from one address.
    listeners: { http: { address: `127.0.0.1:${place.port}`, maxConnectionsPerAddress: 0 } },
    admin: { address: `127.0.0.1:${place.port + 1}` },
    telemetry: { metrics: { address: `127.0.0.1:${place.port + 2}` }, ...telemetry },
    upstreams: { up: { endpoints: [{ url: `http://127.0.0.1:${place.upstreamPort}` }] } },
    routes: [{ name: 'bench', match: { path: '/bench' }, upstream: 'up', policies }, { name: 'bytes', match: { pathPrefix: '/bytes' }, upstream: 'up' }, ...others],
  }
}

/** `telemetry` beside the metrics. */
export function plainWorkload(place: BenchPlace, telemetry: object = {}): Contender {
  return gateway(place, 'sluice, W1 (plain)', workload(place, { telemetry }))
}

/** `access.log` in the scratch directory. */
export function withAccessLog(place: BenchPlace): object {
  return { accessLog: { file: join(place.directory, 'access.log') } }
}

/** What W2 needs: the tokens of 16 consumers, a script for wrk that sends them in turn, and the key to check them with. */
export interface Tokens {
  readonly script: string
  /** A JSON list of the values of `Authorization`. */
  readonly authorizations: string
  readonly keySetFile: string
  readonly keyFile: string
}

export const issuer = 'https://bench.test'
export const audience = 'bench'
/** So high that nobody meets it: what counting costs is measured, not what refusing does. */
export const limitPerMinute = 1_000_000_000

export async function makeTokens(directory: string): Promise<Tokens> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = { ...(await exportJWK(publicKey)), kid: 'bench', alg: 'RS256', use: 'sig' }
  const files = { keySetFile: join(directory, 'jwks.json'), keyFile: join(directory, 'key.pem'), script: join(directory, 'tokens.lua'), authorizations: join(directory, 'tokens.json') }
  writeFileSync(files.keySetFile, JSON.stringify({ keys: [jwk] }))
  writeFileSync(files.keyFile, publicKey.export({ type: 'spki', format: 'pem' }))
  const tokens = await Promise.all(
    Array.from({ length: consumers }, (_, index) =>
      new SignJWT({ scope: 'read' }).setProtectedHeader({ alg: 'RS256', kid: 'bench' }).setSubject(`consumer-${index}`).setIssuer(issuer).setAudience(audience).setIssuedAt().setExpirationTime('2h').sign(privateKey)),
  )
  writeFileSync(files.script, luaScript(tokens))
  writeFileSync(files.authorizations, JSON.stringify(tokens.map((token) => `Bearer ${token}`)))
  return files
}

/** RS256 tokens of 16 consumers in turn, a limit for each consumer, an access log line to a file, metrics. */
export async function policyWorkload(place: BenchPlace, tokens?: Tokens): Promise<Contender> {
  const { keySetFile, script } = tokens ?? (await makeTokens(place.directory))
  const policies = [
    { jwt: { issuer, audiences: [audience], jwksFile: keySetFile, algorithms: ['RS256'] } },
    { 'rate-limit': { limit: limitPerMinute, windowSeconds: 60, key: 'consumer' } },
  ]
  return gateway(place, 'sluice, W2 (token, limit, log)', workload(place, { policies, telemetry: withAccessLog(place) }), script)
}

function luaScript(tokens: readonly string[]): string {
  return `local tokens = { ${tokens.map((token) => `"${token}"`).join(', ')} }
local at = 0
request = function()
  at = at % #tokens + 1
  return wrk.format("GET", nil, { ["Authorization"] = "Bearer " .. tokens[at] })
end
`
}
