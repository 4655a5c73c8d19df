// A one-node Cassandra for tests: `node infra/local/cassandra.ts` starts one by hand. Needs a JDK 17.
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../../packages/testkit/src/free-port.ts'
import { cassandraSettings, javaArguments, LOGBACK } from './cassandra-settings.ts'
import { cached, copyJars } from './download.ts'
import { findOnPath, isExecutable } from './find-on-path.ts'
import { probe } from './probe.ts'
import { runByHand } from './run-by-hand.ts'
import { openScratch, startServer, withPort, type LocalServer } from './server-process.ts'

export interface CassandraOptions {
  port?: number
  directory?: string
  /** Settings of cassandra.yaml that differ from the small ones. */
  config?: Record<string, unknown>
}

export interface CassandraServer extends LocalServer {
  /** host:port for a driver. */
  readonly contactPoint: string
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
  const command = locateJava()
  const jars = await locate()
  return withPort(options.port, async (port) => {
    const scratch = openScratch('cassandra', options.directory)
    const [storage = 0, jmx = 0] = await freePorts(2)
    const ports = { native: port, storage, jmx }
    const settings = { ...cassandraSettings(scratch.directory, ports), ...options.config }
    writeFileSync(join(scratch.directory, 'cassandra.yaml'), JSON.stringify(settings, undefined, 1))
    writeFileSync(join(scratch.directory, 'logback.xml'), LOGBACK)
    const args = javaArguments(scratch.directory, jars, ports)
    // It writes nothing on SIGTERM that a test would miss, and takes six seconds over it.
    const server = await startServer({ name: 'cassandra', port, scratch, command, args, isReady: () => isReady(port), startTimeoutMs: 180_000, stopTimeoutMs: 500 })
    return Object.assign(server, { contactPoint: `127.0.0.1:${port}`, datacenter: 'datacenter1' })
  })
}

/** OPTIONS of the native protocol, version 4, is answered by SUPPORTED (opcode 6). */
function isReady(port: number): Promise<boolean> {
  const options = Uint8Array.of(4, 0, 0, 0, 5, 0, 0, 0, 0)
  return probe(port, options, (received) => received.length >= 9 && received[4] === 6)
}

function locateJava(): string {
  const home = process.env.JAVA_HOME
  if (home && isExecutable(join(home, 'bin/java'))) return join(home, 'bin/java')
  const java = findOnPath('java')
  if (java === undefined) throw new Error('Cassandra needs a JDK 17: no java on PATH, and JAVA_HOME is not set')
  return java
}

if (import.meta.main) await runByHand(start, (server) => server.contactPoint)
