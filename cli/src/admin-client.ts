import type { IncomingMessage, RequestOptions } from 'node:http'
import type { AdminLocation } from './admin-location.ts'
import { Failure } from './failure.ts'

export interface AdminRequest {
  readonly method?: 'GET' | 'PUT' | 'POST' | 'DELETE'
  readonly query?: Readonly<Record<string, string | undefined>>
  /** Sent as JSON. */
  readonly body?: unknown
  /** Turns a JSON Pointer of the sent body into a position that the user knows. */
  readonly describeProblem?: (problem: AdminProblem) => string
  readonly timeoutMs?: number
}

export interface AdminAnswer<T> {
  readonly status: number
  readonly body: T
}

export interface AdminProblem {
  readonly pointer?: string
  readonly message: string
}

/** No answer of the admin API is larger; a configuration is at most 64 MB. */
const maxAnswerBytes = 256 * 1024 * 1024
/** A streamed answer may pause for this long. */
const silenceMs = 60_000

/**
 * One call of the admin API at `location`. Throws a `Failure` for everything but a 2xx answer: the API's own words
 * and problems, or which URL did not answer and what to start.
 */
export async function callAdmin<T>(location: AdminLocation, path: string, call: AdminRequest = {}): Promise<AdminAnswer<T>> {
  const answer = await exchange(location, path, call).catch((error: unknown) => {
    throw unreachable(location, error as NodeJS.ErrnoException)
  })
  const body = parseBody(answer)
  if (answer.status >= 200 && answer.status < 300) return { status: answer.status, body: body as T }
  throw refusal(location, answer.status, body, call)
}

/**
 * The lines of a streamed answer (NDJSON), as they come. Throws a `Failure` as `callAdmin` does, and for an answer that
 * breaks off; each piece of it may take as long as a whole answer otherwise.
 */
export async function* streamAdmin<T>(location: AdminLocation, path: string, query: AdminRequest['query'] = {}): AsyncGenerator<T> {
  const response = await open(location, path, { query }).catch((error: unknown) => {
    throw unreachable(location, error as NodeJS.ErrnoException)
  })
  if (response.statusCode !== 200) throw refusal(location, response.statusCode ?? 0, parseBody(await readAnswer(response)), {})
  response.setEncoding('utf8')
  let rest = ''
  try {
    for await (const text of response as AsyncIterable<string>) {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) yield JSON.parse(line) as T
    }
  } catch (error) {
    throw new Failure(`the answer of ${location.url} broke off: ${(error as Error).message}`, { cause: error })
  }
}

async function open(location: AdminLocation, path: string, call: AdminRequest): Promise<IncomingMessage> {
  const { request: send } = location.url.startsWith('https:') ? await import('node:https') : await import('node:http')
  return new Promise((resolve, reject) => {
    const request = send({ ...requestOptions(location, path, call, undefined), timeout: silenceMs }, resolve)
    request.on('timeout', () => request.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })))
    request.on('error', reject)
    request.end()
  })
}

interface RawAnswer {
  readonly status: number
  readonly type: string
  readonly text: string
}

async function exchange(location: AdminLocation, path: string, call: AdminRequest): Promise<RawAnswer> {
  const payload = call.body === undefined ? undefined : JSON.stringify(call.body)
  // Loaded only now: node:http brings half of Node with it, a third of the time of `sluice --version`.
  const { request: send } = location.url.startsWith('https:') ? await import('node:https') : await import('node:http')
  return new Promise((resolve, reject) => {
    const request = send(requestOptions(location, path, call, payload), (response) => void readAnswer(response).then(resolve, reject))
    const timeoutMs = call.timeoutMs ?? 30_000
    const timer = setTimeout(() => request.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })), timeoutMs)
    request.on('close', () => clearTimeout(timer))
    request.on('error', reject)
    request.end(payload)
  })
}

function requestOptions(location: AdminLocation, path: string, call: AdminRequest, payload: string | undefined): RequestOptions {
  const headers: Record<string, string> = { accept: 'application/json', authorization: `Bearer ${location.token}` }
  if (payload !== undefined) {
    headers['content-type'] = 'application/json'
    headers['content-length'] = String(Buffer.byteLength(payload))
  }
  const common = { method: call.method ?? 'GET', headers, agent: false } as const
  if (location.url.startsWith('unix:')) return { ...common, socketPath: location.url.slice(5), path: path + queryText(call) }
  const base = new URL(location.url)
  const { hostname, port, protocol } = base
  return { ...common, protocol, hostname: hostname.replace(/^\[|\]$/g, ''), port, path: base.pathname.replace(/\/$/, '') + path + queryText(call) }
}

function queryText(call: AdminRequest): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(call.query ?? {})) if (value !== undefined) query.set(name, value)
  return query.size === 0 ? '' : `?${query.toString()}`
}

async function readAnswer(response: IncomingMessage): Promise<RawAnswer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxAnswerBytes) throw new Error(`an answer of more than ${maxAnswerBytes} bytes`)
    chunks.push(chunk)
  }
  return { status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', text: Buffer.concat(chunks).toString('utf8') }
}

function parseBody({ type, text }: RawAnswer): unknown {
  if (text === '' || !/\bjson\b/.test(type)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function unreachable(location: AdminLocation, error: NodeJS.ErrnoException): Failure {
  const reasons: Record<string, string> = { ECONNREFUSED: 'connection refused', ENOENT: 'no such socket', ENOTFOUND: 'unknown host', ETIMEDOUT: 'no answer in time', ECONNRESET: 'connection reset' }
  const reason = reasons[error.code ?? ''] ?? error.message
  return new Failure(`the admin API at ${location.url} cannot be reached (${reason}); is the gateway running? Start it with "sluice run", or set SLUICE_ADMIN_URL`, { cause: error })
}

interface Problem {
  readonly title?: string
  readonly detail?: string
  readonly reason?: string
  readonly problems?: readonly AdminProblem[]
}

function refusal(location: AdminLocation, status: number, body: unknown, call: AdminRequest): Failure {
  const problem = (typeof body === 'object' && body !== null ? body : {}) as Problem
  if (status === 401) return new Failure(`the admin API at ${location.url} refused the token of ${location.tokenSource}`, { reason: problem.reason })
  if (problem.reason === undefined) return new Failure(`${location.url} answered ${status}, not as an admin API does; is SLUICE_ADMIN_URL right?`)
  const describe = call.describeProblem ?? describePlainly
  const message = problem.detail ?? problem.title ?? `status ${status}`
  return new Failure(`${message} (${problem.reason})`, { reason: problem.reason, problems: (problem.problems ?? []).map(describe) })
}

function describePlainly(problem: AdminProblem): string {
  return problem.pointer === undefined || problem.pointer === '' ? problem.message : `${problem.pointer}: ${problem.message}`
}
