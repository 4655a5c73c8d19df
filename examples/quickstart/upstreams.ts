// Three small services to stand behind the gateway: users, orders, products. Plain node:http, nothing installed.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { makeOrders, makeProducts, makeUsers } from './records.ts'

type StoredRecord = { readonly id: number } & Readonly<Record<string, unknown>>

export interface SampleUpstream {
  readonly name: string
  readonly url: string
  stop(): Promise<void>
}

export const sampleNames = ['users', 'orders', 'products'] as const
export type SampleName = (typeof sampleNames)[number]

const defaultLimit = 20
const maxLimit = 100

/** The records of each service. */
export function makeRecords(): Readonly<Record<SampleName, readonly StoredRecord[]>> {
  const users = makeUsers(2000)
  const products = makeProducts(1000)
  const orders = makeOrders(5000, users, products)
  return { users: users.map(asRecord), orders: orders.map(asRecord), products: products.map(asRecord) }
}

/**
 * Serves `records` at `address`: `GET /NAME` (paging with `limit` and `offset`, any other query parameter filters by
 * that field), `GET /NAME/{id}` and `GET /health`. Rejects with Node's error when the address cannot be had.
 */
export async function startSampleUpstream(name: SampleName, records: readonly StoredRecord[], address: { host: string; port: number }): Promise<SampleUpstream> {
  const byId = new Map(records.map((record) => [record.id, record]))
  const server = createServer((request, response) => serve(name, records, byId, request, response))
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(address, resolve))
  const { port } = server.address() as AddressInfo
  return { name, url: `http://${address.host}:${port}`, stop: () => stop(server) }
}

function serve(name: string, records: readonly StoredRecord[], byId: ReadonlyMap<number, StoredRecord>, request: IncomingMessage, response: ServerResponse): void {
  request.resume()
  if (!URL.canParse(request.url ?? '', 'http://sample')) return send(response, 400, { error: 'the request target is no path' })
  const url = new URL(request.url ?? '', 'http://sample')
  if (url.pathname === '/health') return send(response, 200, { status: 'ok', service: name, records: records.length })
  const [, collection, id, ...rest] = url.pathname.split('/')
  if (collection !== name || rest.length > 0) return send(response, 404, { error: `here are /${name} and /${name}/{id}` })
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, { error: 'read only' }, { allow: 'GET, HEAD' })
  if (id === undefined || id === '') return sendList(response, records, url.searchParams)
  const record = /^\d{1,9}$/.test(id) ? byId.get(Number(id)) : undefined
  return record === undefined ? send(response, 404, { error: `there is no ${id} among ${name}` }) : send(response, 200, record)
}

function sendList(response: ServerResponse, records: readonly StoredRecord[], query: URLSearchParams): void {
  const limit = pageNumber(query.get('limit'), defaultLimit, 1, maxLimit)
  const offset = pageNumber(query.get('offset'), 0, 0, Number.MAX_SAFE_INTEGER)
  if (limit === undefined || offset === undefined) return send(response, 400, { error: `limit is a number from 1 to ${maxLimit}, offset one from 0` })
  const filters = [...query].filter(([field]) => field !== 'limit' && field !== 'offset')
  const unknown = filters.find(([field]) => !Object.hasOwn(records[0] ?? {}, field))
  if (unknown !== undefined) return send(response, 400, { error: `records have no field ${unknown[0]}` })
  const found = records.filter((record) => filters.every(([field, wanted]) => String(record[field]) === wanted))
  const next = offset + limit < found.length ? offset + limit : null
  send(response, 200, { items: found.slice(offset, offset + limit), total: found.length, next })
}

function pageNumber(text: string | null, otherwise: number, lowest: number, highest: number): number | undefined {
  if (text === null) return otherwise
  const value = Number(text)
  return /^\d{1,15}$/.test(text) && value >= lowest && value <= highest ? value : undefined
}

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  const text = `${JSON.stringify(body)}\n`
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers })
  response.end(text)
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

function asRecord<T extends { readonly id: number }>(value: T): StoredRecord {
  return { ...value }
}
