/** The two workloads: W1 proxies and no more; W2 does on each request what a gateway is bought for. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exportJWK, SignJWT } from 'jose'
import { gateway, type BenchPlace, type Contender } from './contenders.ts'

const consumers = 16
/** More than a worker remembers (50,000): by the time one comes again it has been forgotten. */
const tokensInTurn = 60_000

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

/** `access.log` in the scratch directory, in one piece. */
export function withAccessLog(place: BenchPlace): object {
  return { accessLog: { file: join(place.directory, 'access.log'), rotateMb: 10_000 } }
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

/** `count` tokens in turn, of the same consumers. */
export async function makeTokens(directory: string, count = consumers): Promise<Tokens> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = { ...(await exportJWK(publicKey)), kid: 'bench', alg: 'RS256', use: 'sig' }
  const files = { keySetFile: join(directory, 'jwks.json'), keyFile: join(directory, 'key.pem'), script: join(directory, 'tokens.lua'), authorizations: join(directory, 'tokens.json') }
  writeFileSync(files.keySetFile, JSON.stringify({ keys: [jwk] }))
  writeFileSync(files.keyFile, publicKey.export({ type: 'spki', format: 'pem' }))
  const tokens: string[] = []
  const sign = (id: number) => new SignJWT({ scope: 'read', jti: String(id) }).setProtectedHeader({ alg: 'RS256', kid: 'bench' }).setSubject(`consumer-${id % consumers}`).setIssuer(issuer).setAudience(audience).setIssuedAt().setExpirationTime('2h').sign(privateKey)
  while (tokens.length < count) tokens.push(...(await Promise.all(Array.from({ length: Math.min(1000, count - tokens.length) }, (_, index) => sign(tokens.length + index)))))
  writeFileSync(join(directory, 'tokens.txt'), tokens.join('\n'))
  writeFileSync(files.script, luaScript(directory))
  writeFileSync(files.authorizations, JSON.stringify(tokens.slice(0, consumers).map((token) => `Bearer ${token}`)))
  return files
}

/** RS256 tokens of 16 consumers in turn, a limit for each consumer, an access log line to a file, metrics. */
export async function policyWorkload(place: BenchPlace, tokens?: Tokens, name = 'sluice, W2 (token, limit, log)'): Promise<Contender> {
  const { keySetFile, script } = tokens ?? (await makeTokens(place.directory))
  return gateway(place, name, workload(place, { policies: policiesWith(keySetFile), telemetry: withAccessLog(place) }), script)
}

/** The policies of W2; `jwksFile`: the path, or the text where nobody reads files. */
export function policiesWith(jwksFile: string): object[] {
  return [
    { jwt: { issuer, audiences: [audience], jwksFile, algorithms: ['RS256'] } },
    { 'rate-limit': { limit: limitPerMinute, windowSeconds: 60, key: 'consumer' } },
  ]
}

/** The same, and no token has been seen before. Signing them takes half a minute. */
export async function newTokensWorkload(place: BenchPlace): Promise<Contender> {
  const directory = join(place.directory, 'new-tokens')
  mkdirSync(directory)
  return policyWorkload(place, await makeTokens(directory, tokensInTurn), 'sluice, W2, each token new')
}

/** Each run of wrk goes on where the last one stopped. */
function luaScript(directory: string): string {
  return `local place = "${directory}/at.txt"
local tokens = {}
for token in io.lines("${directory}/tokens.txt") do tokens[#tokens + 1] = token end
at = 0
local threads = {}
setup = function(thread) table.insert(threads, thread) end
init = function()
  local file = io.open(place)
  if file then
    at = tonumber(file:read("*a"))
    file:close()
  end
end
request = function()
  at = at % #tokens + 1
  return wrk.format("GET", nil, { ["Authorization"] = "Bearer " .. tokens[at] })
end
done = function()
  local file = io.open(place, "w")
  file:write(tostring(threads[1]:get("at")))
  file:close()
end
`
}
