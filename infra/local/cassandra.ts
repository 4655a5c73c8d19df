// A Cassandra node for tests: `node infra/local/cassandra.ts` starts one by hand. Needs a JDK 17.
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, freePorts } from '../../packages/testkit/src/free-port.ts'
import { cassandraSettings, javaArguments, LOGBACK, securedSettings } from './cassandra-settings.ts'
import { cached, copyJars } from './download.ts'
import { findOnPath, isExecutable } from './find-on-path.ts'
import { probe } from './probe.ts'
import { runByHand } from './run-by-hand.ts'
import { openScratch, startServer, withPort, type LocalServer } from './server-process.ts'

export interface CassandraOptions {
  port?: number
  directory?: string
  /** Its address [127.0.0.1]; each node of a cluster has its own, 127.0.0.2 and so on. */
  host?: string
  /** The name of its datacenter [datacenter1]. */
  datacenter?: string
  /** A node whose cluster it joins; then its clients' port has to be that one's too. */
  joins?: CassandraServer
  /** PEM texts: clients are spoken to over TLS, and have to log in (`cassandra` with the password `cassandra`). */
  secured?: { cert: string; key: string }
  /** Settings of cassandra.yaml that differ from the small ones. */
  config?: Record<string, unknown>
}

export interface CassandraServer extends LocalServer {
  /** host:port for a driver. */
  readonly contactPoint: string
  /** host:port where other nodes meet it. */
  readonly seed: string
  readonly datacenter: string
}

/** The directory of Cassandra's jars; fetched when the machine has none. */
export async function locate(): Promise<string> {
  const named = process.env.SLUICE_TEST_CASSANDRA_BIN
  if (named) {
    if (existsSync(named) && readdirSync(named).some((file) => /^cassandra-all-.*\.jar$/.test(file))) return named
    throw new Error(`SLUICE_TEST_CASSANDRA_BIN names ${named}, which is no directory with Cassandra's jars`)
  }
  return cached('cassandra-5.0.9', (draft) => copyJars(join(import.meta.dirname, 'cassandra-pom.xml'), draft))
}

export async function start(options: CassandraOptions = {}): Promise<CassandraServer> {
  const { host = '127.0.0.1', datacenter, joins } = options
  const command = locateJava()
  const jars = await locate()
  return withPort(options.port, async (port) => {
    const scratch = openScratch('cassandra', options.directory)
    const [jmx = 0] = await freePorts(1)
    const ports = { native: port, storage: joins === undefined ? await freePort(host) : Number(joins.seed.split(':')[1]), jmx }
    const place = { host, ports, datacenter, seed: joins?.seed }
    const settings = { ...cassandraSettings(scratch.directory, place), ...(options.secured && securedSettings(options.secured)), ...options.config }
    writeFileSync(join(scratch.directory, 'cassandra.yaml'), JSON.stringify(settings, undefined, 1))
    writeFileSync(join(scratch.directory, 'logback.xml'), LOGBACK)
    if (datacenter !== undefined) writeFileSync(join(scratch.directory, 'cassandra-rackdc.properties'), `dc=${datacenter}\nrack=rack1\n`)
    const args = javaArguments(scratch.directory, jars, ports)
    // It writes nothing on SIGTERM that a test would miss, and takes six seconds over it.
    const server = await startServer({ name: 'cassandra', port, scratch, command, args, isReady: () => isReady(port, host, options.secured !== undefined), startTimeoutMs: 180_000, stopTimeoutMs: 500 })
    return Object.assign(server, { contactPoint: `${host}:${port}`, seed: `${host}:${ports.storage}`, datacenter: datacenter ?? 'datacenter1' })
  })
}

/** OPTIONS of the native protocol, version 4, is answered by SUPPORTED (opcode 6). */
function isReady(port: number, host: string, tls: boolean): Promise<boolean> {
  const options = Uint8Array.of(4, 0, 0, 0, 5, 0, 0, 0, 0)
  return probe(port, options, (received) => received.length >= 9 && received[4] === 6, { host, tls })
}

function locateJava(): string {
  const home = process.env.JAVA_HOME
  if (home && isExecutable(join(home, 'bin/java'))) return join(home, 'bin/java')
  const java = findOnPath('java')
  if (java === undefined) throw new Error('Cassandra needs a JDK 17: no java on PATH, and JAVA_HOME is not set')
  return java
}

if (import.meta.main) await runByHand(start, (server) => server.contactPoint)
