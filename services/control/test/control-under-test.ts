import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { busNamed } from '@sluice/buses'
import type { Bus } from '@sluice/buses/bus'
import { openConfigStore } from '@sluice/config-stores'
import type { ConfigStore } from '@sluice/config-stores/config-store'
import { createLogger, MetricsRegistry, systemClock } from '@sluice/service-kit'
import { fetchOnce, type FetchedResponse } from '@sluice/testkit'
import { type Control, type ControlParts, createControl } from '../src/service.ts'

export const adminToken = 'the-admin-token-of-tests'
export const controlToken = 'the-edge-token-of-tests'

export interface Surroundings {
  readonly bus: Bus
  readonly store: ConfigStore
  readonly directory: string
  /** What control wrote to its log. */
  readonly log: string[]
}

/** A bus, a store in a folder of its own, and nothing else; all gone after the test. */
export async function makeSurroundings(context: TestContext): Promise<Surroundings> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-control-'))
  const bus = (await busNamed('local').load()).createLocalBus({})
  const store = await openConfigStore('embedded', { directory })
  context.after(async () => {
    await bus.drain(1000)
    await store.close()
    await rm(directory, { recursive: true, force: true })
  })
  return { bus, store, directory, log: [] }
}

/** A control on a port of its own, stopped after the test. */
export async function startControl(context: TestContext, surroundings: Surroundings, parts: Partial<ControlParts> = {}): Promise<ControlClient> {
  const control = makeControl(surroundings, parts)
  context.after(() => control.stop({ deadlineMs: 500 }))
  await control.start()
  return new ControlClient(control)
}

export function makeControl({ bus, store, directory, log }: Surroundings, parts: Partial<ControlParts> = {}): Control {
  return createControl({
    bus,
    store,
    scope: 'default',
    logger: createLogger('control', { destination: { write: (line: string) => void log.push(line) } }),
    clock: systemClock,
    metrics: new MetricsRegistry(),
    admin: { address: '127.0.0.1:0', setting: 'admin.address' },
    adminToken,
    controlToken,
    dataDirectory: directory,
    environment: {},
    ...parts,
  })
}

export class ControlClient {
  readonly control: Control

  constructor(control: Control) {
    this.control = control
  }

  /** A request with the admin token; a body that is no text is sent as JSON. */
  call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<FetchedResponse> {
    const sent = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    return fetchOnce(this.control.adminUrl() + path, { method, headers: { authorization: `Bearer ${adminToken}`, ...type, ...headers }, timeoutMs: 20_000, ...sent })
  }

  async json<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.call(method, path, body)
    if (response.status >= 400) throw new Error(`${method} ${path}: ${response.status} ${response.body}`)
    return response.json<T>()
  }
}

export const upstream = (port = 1) => ({ endpoints: [{ url: `http://127.0.0.1:${port}` }] })
export const route = (name: string, to = 'users') => ({ name, match: { path: `/${name}` }, upstream: to })
