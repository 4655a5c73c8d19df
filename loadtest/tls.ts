/**
 * `npm run bench:tls`: the gateway beside nginx where clients come by TLS 1.3, over HTTP/1.1 and over HTTP/2, both plain proxies
 * in front of the same upstream, each pinned to one core. Ratios of requests per CPU-second to nginx just before and
 * just after. `--seconds N` [5] a round, about, `--connections N` [64], `--streams N` [10] on each connection of HTTP/2, `--warm N` [2]
 * seconds of CPU before each of them is measured.
 */
import type { ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { makeCertificate } from '@sluice/service-kit/certificates'
import { gatewayCore, inPlace, loadCore } from './bench/bench-place.ts'
import { gateway, kill, pinned, type BenchPlace, type Contender } from './bench/contenders.ts'
import { runH2load, type SecureLoad } from './bench/h2load.ts'
import { machine } from './bench/measure.ts'
import { usageOfTree } from './bench/process-tree.ts'
import { workload } from './bench/workloads.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '5' }, connections: { type: 'string', default: '64' }, streams: { type: 'string', default: '10' }, warm: { type: 'string', default: '2' }, only: { type: 'string' } } })
const [seconds, connections, streams] = [Number(values.seconds), Number(values.connections), Number(values.streams)]
const warmUpCpuSeconds = Number(values.warm)

interface Row {
  readonly name: string
  readonly protocol: 'h1' | 'h2'
  readonly perCpuSecond: number
  readonly perSecond: number
  readonly meanMs: number
  readonly errors: number
  readonly rssMb: number
}

await inPlace(gatewayCore, async (place) => {
  const files = writeCertificate(place)
  const [nginx, sluice] = [secureNginx(place, files), secureGateway(place, files)]
  const order = values.only === undefined ? [nginx, sluice, nginx, sluice, nginx] : [{ nginx, sluice }[values.only as 'nginx' | 'sluice']]
  const rows: Row[] = []
  for (const contender of order) rows.push(...(await measureBoth(contender)))
  console.log(`\n${machine({ seconds, connections, core: loadCore }).replace('wrk', 'h2load')}, TLS 1.3, 256-byte JSON; HTTP/2 with ${streams} streams a connection\n`)
  for (const protocol of ['h1', 'h2'] as const) printRows(rows.filter((row) => row.protocol === protocol))
})

/** One P-256 key, as most sites have today. */
function writeCertificate({ directory }: BenchPlace): { certFile: string; keyFile: string } {
  const { cert, key } = makeCertificate({ names: ['127.0.0.1', 'localhost'] })
  const files = { certFile: join(directory, 'bench.pem'), keyFile: join(directory, 'bench.key') }
  writeFileSync(files.certFile, cert)
  writeFileSync(files.keyFile, key)
  return files
}

function secureNginx(place: BenchPlace, { certFile, keyFile }: { certFile: string; keyFile: string }): Contender {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${place.directory}/t-${kind};`).join(' ')
  const file = join(place.directory, 'secure.conf')
  writeFileSync(file, `
    worker_processes 1; daemon off; pid ${place.directory}/secure.pid; error_log /dev/null;
    events { worker_connections 4096; }
    http { access_log off; keepalive_requests 1000000000; ${temporary}
      upstream up { server 127.0.0.1:${place.upstreamPort}; keepalive 1024; keepalive_requests 1000000000; }
      server { listen 127.0.0.1:${place.port} ssl http2; ssl_protocols TLSv1.3; ssl_certificate ${certFile}; ssl_certificate_key ${keyFile}; http2_max_concurrent_streams 128;
        location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; } } }`)
  return { name: 'nginx', url: `https://127.0.0.1:${place.port}/bench`, start: () => pinned(place.gatewayCore, 'nginx', ['-c', file, '-e', '/dev/null'], place.directory) }
}

function secureGateway(place: BenchPlace, certificate: { certFile: string; keyFile: string }): Contender {
  const https = { address: `127.0.0.1:${place.port}`, certificates: [certificate], maxConnectionsPerAddress: 0 }
  const config = { ...workload(place, {}), listeners: { http: false, https } }
  return { ...gateway(place, 'sluice', config), url: `https://127.0.0.1:${place.port}/bench` }
}

/** Both protocols in one life of the contender. */
async function measureBoth(contender: Contender): Promise<Row[]> {
  process.stderr.write(`${contender.name} …\n`)
  const child = contender.start()
  const pid = child.pid!
  try {
    await untilConnects(contender.url, child)
    const rows: Row[] = []
    for (const protocol of ['h1', 'h2'] as const) {
      const load: SecureLoad = { url: contender.url, protocol, requests: 20_000, connections, streams, core: loadCore }
      const cold = usageOfTree(pid).cpuSeconds
      let warm = await runH2load(load)
      while (usageOfTree(pid).cpuSeconds - cold < warmUpCpuSeconds) warm = await runH2load(load)
      const before = usageOfTree(pid)
      const { requests, errors, meanMs, seconds: took } = await runH2load({ ...load, requests: Math.ceil((warm.requests / warm.seconds) * seconds) })
      const after = usageOfTree(pid)
      rows.push({ name: contender.name, protocol, perCpuSecond: requests / (after.cpuSeconds - before.cpuSeconds), perSecond: requests / took, meanMs, errors, rssMb: after.rssMb })
    }
    return rows
  } finally {
    kill(pid)
    await sleep(300)
  }
}

async function untilConnects(url: string, child: ChildProcess): Promise<void> {
  const { hostname, port } = new URL(url)
  const deadline = performance.now() + 120_000
  for (;;) {
    const stands = await new Promise<boolean>((resolve) => {
      const socket = connect(Number(port), hostname, () => resolve(true)).on('error', () => resolve(false))
      socket.on('connect', () => socket.destroy())
    })
    if (stands) return
    if (child.exitCode !== null) throw new Error(`what should answer at ${url} has ended; KEEP=1 keeps what it said`)
    if (performance.now() > deadline) throw new Error(`${url} did not answer within 120 s`)
    await sleep(100)
  }
}

function printRows(rows: readonly Row[]): void {
  const yardsticks = rows.filter(({ name }) => name === 'nginx')
  const mean = yardsticks.reduce((sum, { perCpuSecond }) => sum + perCpuSecond, 0) / yardsticks.length
  console.log(`| ${rows[0]?.protocol === 'h1' ? 'HTTP/1.1' : 'HTTP/2'} over TLS 1.3 | req per CPU-second | ratio to nginx | req/s | mean ms | errors | RSS MB |`)
  console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: |')
  for (const { name, perCpuSecond, perSecond, meanMs, errors, rssMb } of rows) {
    console.log(`| ${name} | ${[Math.round(perCpuSecond), (perCpuSecond / mean).toFixed(2), Math.round(perSecond), meanMs.toFixed(2), errors, Math.round(rssMb)].join(' | ')} |`)
  }
  console.log('')
}
