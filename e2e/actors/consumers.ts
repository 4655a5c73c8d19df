import assert from 'node:assert/strict'
import type { System } from '../modes/system.ts'

export interface MadeKey {
  readonly id: string
  /** `sk_<id>_<secret>` */
  readonly key: string
  readonly secret: string
}

/** A consumer without credentials, known on every edge. */
export async function makeConsumer(system: System, name: string, settings: object = {}): Promise<void> {
  const { status, body } = await system.admin('PUT', `/v1/consumers/${name}?wait=all`, settings)
  assert.ok(status === 200 || status === 201, body)
}

/** An API key of the consumer, known on every edge. */
export async function makeKeyOf(system: System, consumer: string, settings: object = {}): Promise<MadeKey> {
  const { status, body } = await system.admin('POST', `/v1/consumers/${consumer}/credentials?wait=all`, { apiKey: settings })
  assert.equal(status, 201, body)
  const { id, key } = JSON.parse(body) as { id: string; key: string }
  const secret = key.slice(`sk_${id}_`.length)
  system.secrets.add(secret)
  return { id, key, secret }
}

export const withKey = (key: string) => ({ headers: { 'x-api-key': key } })
