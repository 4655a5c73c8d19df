import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startProcess, type Cleanup, type RunningProcess } from './child-process.ts'
import { freePort } from './free-port.ts'
import { fetchOnce, type FetchedResponse } from './http-client.ts'

export interface ServiceProcess {
  readonly child: RunningProcess
  /** From its listener for metrics and health. */
  get(path: '/readyz' | '/healthz' | '/metrics'): Promise<FetchedResponse>
  readiness(): Promise<{ status: string; reasons: string[] }>
}

/** Runs `main()` of the module at `main` as a process, with a data directory of its own that goes with the test; `env` wins. */
export async function startServiceProcess(t: Cleanup, main: URL, env: Record<string, string | undefined>): Promise<ServiceProcess> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-service-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const address = `127.0.0.1:${await freePort()}`
  const child = startProcess(t, process.execPath, ['--input-type=module', '-e', `import { main } from ${JSON.stringify(main.href)}; await main()`], {
    env: { SLUICE_DATA_DIR: directory, SLUICE_METRICS_ADDRESS: address, ...env },
  })
  const get = (path: string) => fetchOnce(`http://${address}${path}`)
  return { child, get, readiness: async () => (await get('/readyz')).json() }
}
