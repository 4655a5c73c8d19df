import { join } from 'node:path'
import type { SourceEndpoint } from '@sluice/discovery-sources/discovery-source'
import { upstream, type Upstream } from '@sluice/proto/config'
import type { Logger } from '@sluice/service-kit'
import { z } from 'zod'
import type { RegisteredInstance } from './registration-input.ts'
import type { HeldCircuit } from './tracked-upstream.ts'
import { readJsonFile, writeJsonFile } from './state-file.ts'

const savedEndpoint = z.object({
  id: z.string(), url: z.string(), weight: z.number(), zone: z.string(), priority: z.number(),
  tags: z.array(z.string()), version: z.string(), datacenter: z.string(), healthUrl: z.string(), down: z.string(),
})

const savedUpstreams = z.object({
  epochMs: z.number(),
  upstreams: z.record(z.string(), upstream),
  /** Reasons of those that probes have taken out, by upstream and id. */
  unhealthy: z.record(z.string(), z.record(z.string(), z.string())),
  /** What sources told last that have to be asked over a network. */
  found: z.record(z.string(), z.array(savedEndpoint)).default({}),
  /** Circuits that are held by hand. */
  held: z.record(z.string(), z.enum(['', 'open', 'closed'])).default({}),
})

const savedInstance = savedEndpoint.omit({ down: true }).extend({ service: z.string() })

export interface SavedUpstreams {
  readonly epochMs: number
  readonly upstreams: Record<string, Upstream>
  readonly unhealthy: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly found: Readonly<Record<string, readonly SourceEndpoint[]>>
  readonly held: Readonly<Record<string, HeldCircuit>>
}

/** What outlasts a restart: the upstreams with their unhealthy endpoints, and the registrations. */
export class DiskState {
  readonly #upstreamsFile: string
  readonly #registrationsFile: string
  readonly #logger: Logger

  constructor(directory: string, logger: Logger) {
    this.#upstreamsFile = join(directory, 'upstreams.json')
    this.#registrationsFile = join(directory, 'registrations.json')
    this.#logger = logger
  }

  async readUpstreams(): Promise<SavedUpstreams> {
    return (await this.#read(this.#upstreamsFile, savedUpstreams)) ?? { epochMs: 0, upstreams: {}, unhealthy: {}, found: {}, held: {} }
  }

  async readRegistrations(): Promise<RegisteredInstance[]> {
    return (await this.#read(this.#registrationsFile, z.array(savedInstance))) ?? []
  }

  writeUpstreams(state: SavedUpstreams): Promise<void> {
    return writeJsonFile(this.#upstreamsFile, state)
  }

  writeRegistrations(instances: readonly RegisteredInstance[]): Promise<void> {
    return writeJsonFile(this.#registrationsFile, instances)
  }

  /** A file that cannot be read is no reason not to start: control and heartbeats fill the state again. */
  async #read<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
    try {
      const content = await readJsonFile(file)
      return content === undefined ? undefined : schema.parse(content)
    } catch (error) {
      this.#logger.error({ err: error, file }, 'a state file of discovery cannot be read and is passed over')
      return undefined
    }
  }
}
