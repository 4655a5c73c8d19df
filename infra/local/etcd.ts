// An etcd server of one member for tests: `node infra/local/etcd.ts` starts one by hand.
import { findOnPath, isExecutable } from './find-on-path.ts'
import { freePort } from '../../packages/testkit/src/free-port.ts'
import { probe } from './probe.ts'
import { runByHand } from './run-by-hand.ts'
import { openScratch, startServer, withPort, type LocalServer } from './server-process.ts'

export interface EtcdOptions {
  port?: number
  directory?: string
}

export interface EtcdServer extends LocalServer {
  /** Of its clients' port, which also speaks JSON. */
  readonly url: string
}

/** The path of etcd. */
export async function locate(): Promise<string> {
  const named = process.env.SLUICE_TEST_ETCD_BIN
  if (named) {
    if (isExecutable(named)) return named
    throw new Error(`SLUICE_TEST_ETCD_BIN names ${named}, which is no executable file`)
  }
  const found = findOnPath('etcd')
  if (found === undefined) throw new Error('there is no etcd on this machine (on Debian: the package etcd-server)')
  return found
}

export async function start(options: EtcdOptions = {}): Promise<EtcdServer> {
  const command = await locate()
  return withPort(options.port, async (port) => {
    const scratch = openScratch('etcd', options.directory)
    const peer = `http://127.0.0.1:${await freePort()}`
    const url = `http://127.0.0.1:${port}`
    const args = [
      '--name', 'one', '--data-dir', scratch.directory, '--unsafe-no-fsync', '--logger', 'zap', '--log-level', 'warn',
      '--listen-client-urls', url, '--advertise-client-urls', url, '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `one=${peer}`,
    ]
    const isReady = () => probe(port, `GET /health HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: close\r\n\r\n`, (received) => received.includes('"health":"true"'))
    const server = await startServer({ name: 'etcd', port, scratch, command, args, isReady, startTimeoutMs: 30_000, stopTimeoutMs: 5000 })
    return Object.assign(server, { url })
  })
}

if (import.meta.main) await runByHand(start, (server) => server.url)
