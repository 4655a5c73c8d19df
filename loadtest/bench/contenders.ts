/** What is measured, each in front of the same upstream: how it is started and where it answers. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Contender {
  readonly name: string
  readonly url: string
  /** A Lua script for wrk, when the load needs more than a GET. */
  readonly script?: string
  readonly start: () => ChildProcess
  readonly env?: Readonly<Record<string, string>>
}

export interface BenchPlace {
  readonly directory: string
  readonly gatewayCore: number
  readonly upstreamPort: number
  readonly port: number
}

/** Pinned to one core, in a process group of its own; what it says on stderr goes to a file in `directory`. */
export function pinned(core: number, command: string, args: readonly string[], directory: string): ChildProcess {
  const log = openSync(join(directory, 'stderr.log'), 'a')
  const child = spawn('taskset', ['-c', String(core), command, ...args], { cwd: directory, stdio: ['ignore', 'ignore', log], detached: true })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

const running = new Set<ChildProcess>()

/** Ends whatever `pinned` has started and still runs: process groups of their own outlive the bench. */
export function endAll(): void {
  for (const { pid } of running) kill(pid)
}

/** Ends a process with its whole group. */
export function kill(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It had ended by itself.
  }
}

/** Sizes of bodies that the upstream has. */
export const sizes = [0, 1024, 65_536, 1_048_576]

/** 256 bytes of JSON, or as many as `/bytes/N` asks for, from nginx itself: the cheapest upstream there is. */
export function nginxUpstream(place: BenchPlace, core: number): ChildProcess {
  const body = JSON.stringify({ id: 17, text: 'x'.repeat(256 - 21) })
  const config = `
    worker_processes 1; daemon off; pid ${place.directory}/upstream.pid; error_log /dev/null;
    events { worker_connections 16384; }
    http { access_log off; keepalive_requests 1000000000; client_body_temp_path ${place.directory}/u1; proxy_temp_path ${place.directory}/u2;
      fastcgi_temp_path ${place.directory}/u3; uwsgi_temp_path ${place.directory}/u4; scgi_temp_path ${place.directory}/u5;
      server { listen 127.0.0.1:${place.upstreamPort}; default_type application/json; location / { return 200 '${body}'; }
        ${sizes.map((size) => `location = /bytes/${size} { alias ${place.directory}/body-${size}; }`).join(' ')} } }`
  for (const size of sizes) writeFileSync(join(place.directory, `body-${size}`), 'x'.repeat(size))
  const file = join(place.directory, 'upstream.conf')
  writeFileSync(file, config)
  return pinned(core, 'nginx', ['-c', file, '-e', '/dev/null'], place.directory)
}

/** The yardstick: nginx as a plain reverse proxy with kept-alive upstream connections. */
export function nginxProxy(place: BenchPlace): Contender {
  const config = `
    worker_processes 1; daemon off; pid ${place.directory}/proxy.pid; error_log /dev/null;
    events { worker_connections 4096; }
    http { access_log off; keepalive_requests 1000000000; client_body_temp_path ${place.directory}/p1; proxy_temp_path ${place.directory}/p2;
      fastcgi_temp_path ${place.directory}/p3; uwsgi_temp_path ${place.directory}/p4; scgi_temp_path ${place.directory}/p5;
      upstream up { server 127.0.0.1:${place.upstreamPort}; keepalive 128; keepalive_requests 1000000000; }
      server { listen 127.0.0.1:${place.port}; location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; } } }`
  const file = join(place.directory, 'proxy.conf')
  writeFileSync(file, config)
  return { name: 'nginx, plain', url: `http://127.0.0.1:${place.port}/bench`, start: () => pinned(place.gatewayCore, 'nginx', ['-c', file, '-e', '/dev/null'], place.directory) }
}

/** `node:http` on both sides with an agent, and nothing else: what a proxy in Node costs without being a gateway. */
export function plainNode(place: BenchPlace): Contender {
  const args = [join(root, 'loadtest/bench/plain-node-proxy.ts'), String(place.port), String(place.upstreamPort)]
  return { name: 'node:http, plain', url: `http://127.0.0.1:${place.port}/bench`, start: () => pinned(place.gatewayCore, process.execPath, args, place.directory) }
}

/** Bytes from socket to socket: what no gateway in Node can fall below. */
export function bareRelay(place: BenchPlace, reading: 'data' | 'shared'): Contender {
  const args = [join(root, 'loadtest/bench/bare-relay.ts'), String(place.port), String(place.upstreamPort), reading]
  const name = reading === 'data' ? 'bare relay in Node, data events' : 'bare relay in Node, shared reads'
  return { name, url: `http://127.0.0.1:${place.port}/bench`, start: () => pinned(place.gatewayCore, process.execPath, args, place.directory) }
}

/** The gateway in embedded mode with one worker, all its processes on the one core. */
export function gateway(place: BenchPlace, name: string, config: object, script?: string, path = '/bench'): Contender {
  const directory = join(place.directory, name.replace(/[^a-z0-9]+/gi, '-'))
  mkdirSync(directory, { recursive: true })
  const file = join(directory, 'gateway.json')
  writeFileSync(file, JSON.stringify(config))
  const args = ['run', '-c', file, '--workers', '1', '--data-dir', join(directory, 'data')]
  return {
    name,
    url: `http://127.0.0.1:${place.port}${path}`,
    ...(script === undefined ? {} : { script }),
    start: () => pinned(place.gatewayCore, join(root, 'node_modules/.bin/sluice'), args, directory),
  }
}
