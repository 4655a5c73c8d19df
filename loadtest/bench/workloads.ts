/** The two workloads: W1 proxies and no more; W2 does on each request what a gateway is bought for. */
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exportJWK, SignJWT } from 'jose'
import { gateway, type BenchPlace, type Contender } from './contenders.ts'

const consumers = 16

function base(place: BenchPlace, policies: object[], telemetry: object): object {
  return {
    version: 1,
    listeners: { http: { address: `127.0.0.1:${place.port}` } },
    admin: { address: `127.0.0.1:${place.port + 1}` },
    telemetry: { metrics: { address: `127.0.0.1:${place.port + 2}` }, ...telemetry },
    upstreams: { up: { endpoints: [{ url: `http://127.0.0.1:${place.upstreamPort}` }] } },
    routes: [{ name: 'bench', match: { path: '/bench' }, upstream: 'up', policies }],
  }
}

export function plainWorkload(place: BenchPlace): Contender {
  return gateway(place, 'sluice, W1 (plain)', base(place, [], {}))
}

/** RS256 tokens of 16 consumers in turn, a limit for each consumer, an access log line to a file, metrics. */
export async function policyWorkload(place: BenchPlace): Promise<Contender> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = { ...(await exportJWK(publicKey)), kid: 'bench', alg: 'RS256', use: 'sig' }
  const keySet = join(place.directory, 'jwks.json')
  writeFileSync(keySet, JSON.stringify({ keys: [jwk] }))
  const tokens = await Promise.all(
    Array.from({ length: consumers }, (_, index) =>
      new SignJWT({ scope: 'read' }).setProtectedHeader({ alg: 'RS256', kid: 'bench' }).setSubject(`consumer-${index}`).setIssuer('https://bench.test').setAudience('bench').setIssuedAt().setExpirationTime('2h').sign(privateKey)),
  )
  const script = join(place.directory, 'tokens.lua')
  writeFileSync(script, luaScript(tokens))
  const policies = [
    { jwt: { issuer: 'https://bench.test', audiences: ['bench'], jwksFile: keySet, algorithms: ['RS256'] } },
    { 'rate-limit': { limit: 1_000_000_000, windowSeconds: 60, key: 'consumer' } },
  ]
  return gateway(place, 'sluice, W2 (token, limit, log)', base(place, policies, { accessLog: { file: join(place.directory, 'access.log') } }), script)
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
