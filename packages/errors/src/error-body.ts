import { catalogue, type ErrorCode } from './catalogue.ts'

export interface ErrorBody {
  readonly contentType: string
  readonly body: string
}

export interface ErrorFacts {
  readonly code: ErrorCode
  readonly message: string
  readonly requestId: string
  /** The status sent, when it differs from the catalogue's. */
  readonly status?: number
  readonly extra?: Readonly<Record<string, unknown>>
}

const problemType = 'application/problem+json'

/**
 * The body of an error on the traffic ports: `{"error":{…}}`, or an RFC 9457 problem when `accept` names
 * `application/problem+json`. Runs only for errors.
 */
export function errorBody(facts: ErrorFacts, accept: string | undefined): ErrorBody {
  if (accept !== undefined && accept.toLowerCase().includes(problemType)) return problemBody(facts)
  const status = facts.status ?? catalogue[facts.code].status
  const error = { code: status, message: facts.message, reason: facts.code, request_id: facts.requestId }
  return { contentType: 'application/json', body: JSON.stringify({ error }) }
}

/** An RFC 9457 problem; `type` is a URN of the code, so that it can be compared and never dangles. */
export function problemBody(facts: ErrorFacts): ErrorBody {
  const status = facts.status ?? catalogue[facts.code].status
  const problem = {
    type: `urn:sluice:error:${facts.code}`,
    title: catalogue[facts.code].message,
    status,
    detail: facts.message,
    reason: facts.code,
    request_id: facts.requestId,
    ...facts.extra,
  }
  return { contentType: problemType, body: JSON.stringify(problem) }
}
