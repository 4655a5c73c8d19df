import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { listenProblem, parseAddress } from './address.ts'
import { metricsContentType, renderMetrics } from './metrics-text.ts'
import type { MetricSnapshot } from './metrics.ts'

export interface Health {
  readonly ready: boolean
  /** Why not, one short sentence each. */
  readonly reasons: readonly string[]
}

export interface HealthServerParts {
  readonly address: string
  /** The setting that the address came from, for the message when it is taken. */
  readonly setting: string
  readonly health: () => Health
  readonly metrics: () => readonly MetricSnapshot[] | Promise<readonly MetricSnapshot[]>
}

/**
 * Serves `/healthz` (the process answers), `/readyz` (200, or 503 with the reasons as JSON) and `/metrics`.
 * Rejects with one line that names the address and the setting when it cannot listen.
 */
export async function startHealthServer(parts: HealthServerParts): Promise<{ port: number; stop(): Promise<void> }> {
  const server = createServer((request, response) => void respond(parts, request, response))
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new Error(listenProblem(error, parts.address, parts.setting), { cause: error })))
    server.listen(parseAddress(parts.address), resolve)
  })
  const address = server.address()
  return { port: typeof address === 'object' && address !== null ? address.port : 0, stop: () => close(server) }
}

async function respond(parts: HealthServerParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url?.split('?')[0]
  try {
    if (path === '/healthz') return send(response, 200, 'application/json', '{"status":"alive"}\n')
    if (path === '/readyz') return sendReadiness(response, parts.health())
    if (path === '/metrics') return send(response, 200, metricsContentType, renderMetrics(await parts.metrics()))
    return send(response, 404, 'text/plain', 'Here are /healthz, /readyz and /metrics.\n')
  } catch {
    return send(response, 500, 'text/plain', 'The metrics could not be gathered.\n')
  }
}

function sendReadiness(response: ServerResponse, health: Health): void {
  const status = health.ready ? 'ready' : 'not ready'
  send(response, health.ready ? 200 : 503, 'application/json', `${JSON.stringify({ status, reasons: health.reasons })}\n`)
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
  response.end(body)
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
