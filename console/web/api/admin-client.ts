/** Requests to the admin API with the user's token, and its problems (RFC 9457) as errors. */

export class AdminError extends Error {
  readonly status: number
  /** The code of the catalogue; empty when no answer came. */
  readonly reason: string
  /** What is wrong with which setting, where the API says so. */
  readonly problems: readonly string[]

  constructor(message: string, { status, reason, problems = [] }: { status: number; reason: string; problems?: readonly string[] }) {
    super(message)
    this.status = status
    this.reason = reason
    this.problems = problems
  }
}

interface ProblemBody {
  readonly title?: string
  readonly detail?: string
  readonly reason?: string
  readonly problems?: readonly { readonly pointer?: string; readonly message: string }[]
}

export interface Sent {
  readonly body?: unknown
  readonly signal?: AbortSignal
}

const requestMs = 30_000

export class AdminClient {
  readonly #token: string
  readonly #onRefused: () => void

  /** `onRefused`: the token is none, or none any more. */
  constructor(token: string, onRefused: () => void) {
    this.#token = token
    this.#onRefused = onRefused
  }

  /** The answer's JSON; undefined for one without a body. Throws an `AdminError`, or what `signal` was aborted with. */
  async ask<T>(method: string, path: string, { body, signal }: Sent = {}): Promise<T> {
    const response = await this.#send(method, path, body, signal)
    const answer = await readJson(response)
    if (response.ok) return answer as T
    if (response.status === 401) this.#onRefused()
    throw problemOf(response, (answer ?? {}) as ProblemBody)
  }

  async #send(method: string, path: string, body: unknown, signal: AbortSignal | undefined): Promise<Response> {
    const timeout = AbortSignal.timeout(requestMs)
    try {
      return await fetch(path, {
        method,
        headers: { authorization: `Bearer ${this.#token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
        cache: 'no-store',
        credentials: 'omit',
        redirect: 'error',
      })
    } catch (error) {
      if (signal?.aborted === true) throw error
      throw new AdminError('The admin API does not answer. Is control running, and is there a way to it?', { status: 0, reason: '' })
    }
  }
}

async function readJson(response: Response): Promise<unknown> {
  const text = await response.text()
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw new AdminError('What answered is not the admin API of Sluice', { status: response.status, reason: '' })
  }
}

function problemOf({ status }: Response, { title, detail, reason = '', problems = [] }: ProblemBody): AdminError {
  const told = problems.map(({ pointer = '', message }) => (pointer === '' ? message : `${pointer}: ${message}`)).filter((text) => text !== detail)
  return new AdminError(detail || title || `The admin API answered ${status}`, { status, reason, problems: told })
}
