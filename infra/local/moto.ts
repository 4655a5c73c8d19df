// A double of AWS's APIs for tests (moto): `node infra/local/moto.ts` starts one by hand.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { cached, installWheel } from './download.ts'
import { isExecutable } from './find-on-path.ts'
import { probe } from './probe.ts'
import { runByHand } from './run-by-hand.ts'
import { openScratch, startServer, withPort, type LocalServer } from './server-process.ts'

const WHEEL = 'moto[server]==5.2.1'

export interface MotoServer extends LocalServer {
  readonly url: string
}

interface Program {
  readonly command: string
  readonly args: readonly string[]
}

/** How it is run: a `moto_server`, else the Python that has the package, which is fetched when none has. */
async function locate(): Promise<Program> {
  const named = process.env.SLUICE_TEST_MOTO_BIN
  if (named) {
    if (isExecutable(named)) return { command: named, args: [] }
    throw new Error(`SLUICE_TEST_MOTO_BIN names ${named}, which is no executable file`)
  }
  const run = 'from moto.server import main; main()'
  const isInstalled = await promisify(execFile)('python3', ['-c', 'import moto.server']).then(() => true, () => false)
  if (isInstalled) return { command: 'python3', args: ['-c', run] }
  const directory = await cached('moto-5.2.1', (draft) => installWheel(WHEEL, draft, { whole: true }))
  return { command: 'python3', args: ['-c', `import sys; sys.path.insert(0, ${JSON.stringify(directory)}); ${run}`] }
}

export async function start(): Promise<MotoServer> {
  const { command, args } = await locate()
  return withPort(undefined, async (port) => {
    const scratch = openScratch('moto')
    const isReady = () => probe(port, `GET /moto-api/ HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: close\r\n\r\n`, (received) => received.toString('latin1').startsWith('HTTP/1.1 200'))
    const server = await startServer({ name: 'moto', port, scratch, command, args: [...args, '-H', '127.0.0.1', '-p', String(port)], isReady, startTimeoutMs: 60_000, stopTimeoutMs: 1000 })
    return Object.assign(server, { url: `http://127.0.0.1:${port}` })
  })
}

if (import.meta.main) await runByHand(start, (server) => server.url)
