import type { SourceEndpoint } from '../discovery-source.ts'
import { endpointUrl } from '../selection.ts'

interface Written {
  readonly address?: unknown
  readonly port?: unknown
  readonly weight?: unknown
  readonly zone?: unknown
  readonly priority?: unknown
  readonly tags?: unknown
  readonly version?: unknown
  readonly datacenter?: unknown
}

/** The instance that a key's value describes, as an instance registers at the admin API; else what is wrong with it. */
export function readInstance(id: string, value: string): SourceEndpoint | string {
  if (id === '') return 'its name is empty'
  let written: Written
  try {
    written = JSON.parse(value) as Written
  } catch {
    return 'its value is no JSON'
  }
  if (typeof written !== 'object' || written === null) return 'its value is no JSON object'
  const url = typeof written.address === 'string' ? endpointUrl(written.address, Number(written.port)) : undefined
  if (url === undefined) return 'its value holds no "address" and "port"'
  const { weight = 1, priority = 0, tags = [] } = written
  if (typeof weight !== 'number' || !(weight >= 0 && weight <= 1000)) return '"weight" is 0 to 1000'
  if (!Number.isInteger(priority) || (priority as number) < 0 || (priority as number) > 100) return '"priority" is 0 to 100'
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === 'string')) return '"tags" is a list of texts'
  const text = (one: unknown) => (typeof one === 'string' ? one : '')
  return { id, url, weight, zone: text(written.zone), priority: priority as number, tags, version: text(written.version), datacenter: text(written.datacenter), healthUrl: '', down: '' }
}
