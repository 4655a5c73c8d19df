// A PostgreSQL server for tests: `node infra/local/postgres.ts` starts one by hand.
import { execFile, execFileSync } from 'node:child_process'
import { chownSync, existsSync, globSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { findOnPath, isExecutable } from './find-on-path.ts'
import { probe } from './probe.ts'
import { runByHand } from './run-by-hand.ts'
import { openScratch, startServer, withPort, type LocalServer, type ServerUser } from './server-process.ts'

const run = promisify(execFile)

export interface PostgresOptions {
  port?: number
  directory?: string
  /** Settings of postgresql.conf that differ from the small ones. */
  config?: Record<string, string>
  /** A server whose copy it becomes; its commits are streamed. It takes writes once it is promoted. */
  standbyOf?: PostgresServer
  /** PEM texts, for clients that want TLS; plain connections are taken as well. */
  tls?: { cert: string; key: string }
}

export interface PostgresServer extends LocalServer {
  /** Of the database `postgres`, as its superuser `sluice`, without a password. */
  readonly url: string
  /** Makes a standby the primary that it is a copy of. */
  promote(): Promise<void>
}

/** The path of `postgres`, with `initdb` beside it. */
export async function locate(): Promise<string> {
  const named = process.env.SLUICE_TEST_POSTGRES_BIN
  if (named) {
    if (isExecutable(named)) return named
    throw new Error(`SLUICE_TEST_POSTGRES_BIN names ${named}, which is no executable file`)
  }
  const versionOf = (path: string) => Number(/\/(\d+)\/bin\//.exec(path)?.[1] ?? 0)
  const packaged = globSync('/usr/lib/postgresql/*/bin/postgres').toSorted((a, b) => versionOf(b) - versionOf(a))
  const found = findOnPath('postgres') ?? packaged[0]
  if (found === undefined) throw new Error('there is no PostgreSQL server on this machine (on Debian: the package postgresql)')
  return found
}

export async function start(options: PostgresOptions = {}): Promise<PostgresServer> {
  const command = await locate()
  const user = unprivilegedUser()
  return withPort(options.port, async (port) => {
    const scratch = openScratch('postgres', options.directory)
    if (user !== undefined) chownSync(scratch.directory, user.uid, user.gid)
    const data = join(scratch.directory, 'data')
    if (!existsSync(data)) await (options.standbyOf === undefined ? initialise(command, data, user) : copy(command, data, options.standbyOf, user))
    const settings = { listen_addresses: '127.0.0.1', port: String(port), unix_socket_directories: '', shared_buffers: '16MB', max_connections: '100', log_min_messages: 'warning', ...tlsSettings(scratch.directory, options.tls, user), ...options.config }
    const args = ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
    // SIGINT ends it without waiting for its clients.
    const server = await startServer({ name: 'postgres', port, scratch, command, args, isReady: () => isReady(port), startTimeoutMs: 60_000, stopTimeoutMs: 10_000, stopSignal: 'SIGINT', user })
    const promote = async () => void (await run(beside(command, 'pg_ctl'), ['promote', '-D', data], { cwd: scratch.directory, timeout: 60_000, ...user }))
    return Object.assign(withWholeFamily(server), { url: `postgres://sluice@127.0.0.1:${port}/postgres`, promote })
  })
}

/** Another program of the same server; on PATH may be links to some of them only. */
function beside(postgres: string, name: string): string {
  return join(dirname(realpathSync(postgres)), name)
}

async function initialise(postgres: string, data: string, user: ServerUser | undefined): Promise<void> {
  const args = ['-D', data, '-U', 'sluice', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync', '--no-instructions']
  await run(beside(postgres, 'initdb'), args, { cwd: dirname(data), timeout: 60_000, ...user })
}

async function copy(postgres: string, data: string, primary: PostgresServer, user: ServerUser | undefined): Promise<void> {
  const args = ['-d', primary.url, '-D', data, '--write-recovery-conf', '--wal-method=stream', '--checkpoint=fast', '--no-sync']
  await run(beside(postgres, 'pg_basebackup'), args, { cwd: dirname(data), timeout: 60_000, ...user })
}

/** A key that others may read is refused by the server. */
function tlsSettings(directory: string, tls: PostgresOptions['tls'], user: ServerUser | undefined): Record<string, string> {
  if (tls === undefined) return {}
  for (const [name, text] of [['cert', tls.cert], ['key', tls.key]] as const) {
    const file = join(directory, `${name}.pem`)
    writeFileSync(file, text, { mode: 0o600 })
    if (user !== undefined) chownSync(file, user.uid, user.gid)
  }
  return { ssl: 'on', ssl_cert_file: join(directory, 'cert.pem'), ssl_key_file: join(directory, 'key.pem') }
}

/** Each of its connections is a process in a group of its own: a signal has to reach them, too. */
function withWholeFamily(server: LocalServer): LocalServer {
  const killParent = server.kill.bind(server)
  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    const children = signal === 'SIGKILL' || signal === 'SIGSTOP' || signal === 'SIGCONT' ? childrenOf(server.pid) : []
    const done = killParent(signal)
    for (const pid of children) signalOne(pid, signal)
    await done
  }
  return Object.assign(server, { kill })
}

function childrenOf(parent: number): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number)
  return pids.filter((pid) => parentOf(pid) === parent)
}

/** The second field behind the name, which stands in parentheses and may hold blanks (proc(5)). */
function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return 0
  }
}

function signalOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // it has ended meanwhile
  }
}

/** A startup message (protocol 3.0 §55.7) is answered by AuthenticationOk, or by an error while the server recovers. */
function isReady(port: number): Promise<boolean> {
  const parameters = Buffer.from('user\0sluice\0database\0postgres\0\0')
  const head = Buffer.alloc(8)
  head.writeInt32BE(head.length + parameters.length, 0)
  head.writeInt32BE(3 << 16, 4)
  return probe(port, Buffer.concat([head, parameters]), (received) => received[0] === 'R'.charCodeAt(0))
}

/** PostgreSQL does not run as root. */
function unprivilegedUser(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined
  for (const name of ['postgres', 'nobody']) {
    try {
      const idOf = (flag: string) => Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
      return { uid: idOf('-u'), gid: idOf('-g') }
    } catch {
      continue
    }
  }
  throw new Error('PostgreSQL does not run as root, and there is neither a user postgres nor nobody')
}

if (import.meta.main) await runByHand(start, (server) => server.url)
