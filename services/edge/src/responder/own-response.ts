import { catalogue, errorBody, type ErrorCode } from '@sluice/errors'
import type { Answer, Refusal } from '@sluice/policies/policy'
import { grpcStatusFields } from './grpc-status.ts'

/** A response that the gateway makes itself. */
export interface OwnResponse {
  readonly status: number
  /** Flat; with Content-Type and Content-Length. */
  readonly fields: string[]
  readonly body: string
  /** What the log says instead of `status`: gRPC tells errors with 200. */
  readonly loggedStatus?: number
}

/** The response for a policy's answer. */
export function answerResponse(answer: Answer): OwnResponse {
  const hasBody = answer.status >= 200 && answer.status !== 204 && answer.status !== 304
  const fields = [...answer.headers]
  if (hasBody) fields.push('Content-Length', String(Buffer.byteLength(answer.body)))
  return { status: answer.status, fields, body: hasBody ? answer.body : '' }
}

export interface ErrorFacts {
  readonly code: ErrorCode
  readonly message: string
  readonly requestId: string
  readonly accept: string | undefined
  /** Whether a gRPC client is to understand it [false]. */
  readonly isGrpc?: boolean
  readonly headers?: readonly string[]
  /** Instead of the code's. */
  readonly status?: number
  /** With 503: seconds after which a client may ask again [1]. */
  readonly retryAfterSeconds?: number
}

/** Seconds after which a client may ask again when a part of the gateway or an upstream is away. */
const defaultRetryAfterSeconds = 1

/** The response for an error: the gateway's format, or a problem when `Accept` asks for one. */
export function errorResponse(facts: ErrorFacts): OwnResponse {
  const { status = catalogue[facts.code].status, retryAfterSeconds = defaultRetryAfterSeconds } = facts
  if (facts.isGrpc === true) return grpcErrorResponse(facts, status)
  const { contentType, body } = errorBody(facts, facts.accept)
  const fields = ['Content-Type', contentType, 'Content-Length', String(Buffer.byteLength(body)), 'Cache-Control', 'no-store']
  if (facts.headers !== undefined) fields.push(...facts.headers)
  if (status === 503) fields.push('Retry-After', String(retryAfterSeconds))
  return { status, fields, body }
}

function grpcErrorResponse({ code, message, headers = [] }: ErrorFacts, status: number): OwnResponse {
  return { status: 200, fields: ['Content-Type', 'application/grpc', ...grpcStatusFields(code, status, message), ...headers], body: '', loggedStatus: status }
}

export function refusalFacts(refusal: Refusal, requestId: string, accept: string | undefined, isGrpc: boolean): ErrorFacts {
  const headers = refusal.headers === undefined ? {} : { headers: refusal.headers }
  const status = refusal.status === undefined ? {} : { status: refusal.status }
  return { code: refusal.code, message: refusal.message ?? catalogue[refusal.code].message, requestId, accept, isGrpc, ...headers, ...status }
}
