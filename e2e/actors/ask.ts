import assert from 'node:assert/strict'
import { fetchOnce, type FetchedResponse, type FetchOptions } from '@sluice/testkit'
import type { System } from '../modes/system.ts'

type Asked = Omit<FetchOptions, 'path'>

/**
 * Sends a request with exactly this target to every edge, and returns the last one's answer; fails when they differ
 * in their status.
 */
export async function ask(system: System, target: string, options: Asked = {}): Promise<FetchedResponse> {
  const answers = await Promise.all(system.edges.map((edge) => fetchOnce(edge.url, { ...options, path: target })))
  const statuses = new Set(answers.map((answer) => answer.status))
  assert.equal(statuses.size, 1, `the edges differ about ${target}: ${[...statuses].join(', ')}`)
  return answers.at(-1)!
}

/** The body of a 200. */
export async function bodyOf(system: System, target: string, options?: Asked): Promise<string> {
  const { status, body } = await ask(system, target, options)
  assert.equal(status, 200, `${target}: ${body}`)
  return body
}

/** What an upstream that echoes was sent. */
export interface Echoed {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly rawHeaders: readonly string[]
  readonly body: string
}

export async function echoOf(system: System, target: string, options?: Asked): Promise<Echoed> {
  return JSON.parse(await bodyOf(system, target, options)) as Echoed
}

/** The gateway's own error: status and catalogue code. */
export async function refusalOf(system: System, target: string, options?: Asked): Promise<{ status: number; reason: string; answer: FetchedResponse }> {
  const answer = await ask(system, target, options)
  const { error } = answer.json<{ error: { code: number; message: string; reason: string; request_id: string } }>()
  assert.equal(error.code, answer.status)
  assert.equal(error.request_id, answer.headers['x-request-id'])
  return { status: answer.status, reason: error.reason, answer }
}

/** A route that answers with its own name, so that it can be seen which one was taken. */
export function named(name: string, match: object): object {
  return { name, match, policies: [{ 'fixed-response': { status: 200, body: name } }] }
}
