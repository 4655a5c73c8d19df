import { createServer } from 'node:net'

// Below the range that systems take the ports of outgoing connections from (32768 and up on Linux): a server
// that is killed and started again on its port cannot find it taken by somebody's client in between.
const LOWEST = 12_000
const HIGHEST = 32_000

/** A port of `host` on which nothing listens now. Two callers at once get different ones almost always, not always. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST))
    if (await canListen(port, host)) return port
  }
  throw new Error(`no free port found on ${host} between ${LOWEST} and ${HIGHEST}`)
}

/** `count` different free ports of `host`. */
export async function freePorts(count: number, host = '127.0.0.1'): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) ports.add(await freePort(host))
  return [...ports]
}

function canListen(port: number, host: string): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
