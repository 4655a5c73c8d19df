import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { Probe } from './prober.ts'

const maxConnections = 200

/** Connections to the port until each of these processes holds one, and no more than one; which of them takes the next is not asked but seen. */
export async function oneForEachWorker(port: number, pids: readonly number[]): Promise<Probe[]> {
  const found = new Map<number, Probe>()
  const others: Probe[] = []
  while (found.size < pids.length) {
    if (found.size + others.length >= maxConnections) throw new Error(`${maxConnections} connections to port ${port} reach ${found.size} of ${pids.length} workers`)
    const probe = await Probe.open(port)
    await probe.once()
    const holder = holderOf(port, probe.port, pids)
    if (holder === undefined || found.has(holder)) others.push(probe)
    else found.set(holder, probe)
  }
  await Promise.all(others.map((probe) => probe.close()))
  return [...found.values()]
}

/** Which of the processes holds the server's end of a connection, by its two ports. */
function holderOf(serverPort: number, clientPort: number, pids: readonly number[]): number | undefined {
  const wanted = `socket:[${inodeOf(serverPort, clientPort)}]`
  return pids.find((pid) => readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === wanted))
}

function inodeOf(localPort: number, remotePort: number): string | undefined {
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0')
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n').map((row) => row.trim().split(/\s+/))
  return rows.find(([, local, remote]) => local?.endsWith(`:${hex(localPort)}`) && remote?.endsWith(`:${hex(remotePort)}`))?.[9]
}

/** A file may be closed while it is looked at. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}
