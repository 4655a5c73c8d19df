import type { DiscoverySource, SourceEndpoint, SourceParts } from '../discovery-source.ts'
import { followLasting, pause, type Session } from '../lasting-follow.ts'
import { endpointUrl } from '../selection.ts'
import { askDns, serversOf, type DnsServer } from './dns-client.ts'
import type { DnsAnswer, DnsRecord, ServiceRecord } from './dns-message.ts'
import type { DnsSettings } from './schema.ts'

interface Found {
  readonly endpoints: readonly SourceEndpoint[]
  /** Undefined for an answer that is empty. */
  readonly ttlSeconds: number | undefined
}

/** How soon an empty answer is asked for again, within the bounds of the settings. */
const emptyTtlSeconds = 5

/** A source of the addresses that a name has, asked for again when the time they hold is over. */
export function createSource(settings: DnsSettings, { status }: Pick<SourceParts, 'status'>): DiscoverySource {
  return {
    follow(onEndpoints) {
      let emptySince: number | undefined
      let hasTold = false
      const session = async ({ signal, tell, answered }: Session) => {
        for (;;) {
          const { endpoints, ttlSeconds } = await find(settings, signal)
          emptySince = endpoints.length > 0 ? undefined : (emptySince ?? performance.now())
          const isDoubted = hasTold && emptySince !== undefined && performance.now() - emptySince < settings.holdSeconds * 1000
          if (isDoubted) answered()
          else tell(endpoints)
          hasTold ||= endpoints.length > 0
          await pause(Math.min(settings.maxTtlSeconds, Math.max(settings.minTtlSeconds, ttlSeconds ?? emptyTtlSeconds)) * 1000, signal)
          if (signal.aborted) return
        }
      }
      return followLasting(status, onEndpoints, session)
    },
  }
}

async function find({ name, record, port, servers: named }: DnsSettings, signal: AbortSignal): Promise<Found> {
  const servers = serversOf(named)
  const answer = await askDns(servers, name, record, signal)
  if (record === 'SRV') return findServices(servers, answer, signal)
  return { endpoints: addressesIn(answer.records).map((address) => endpointAt(address, port!, 1, 0)), ttlSeconds: answer.ttlSeconds }
}

/** The targets' addresses, from the same answer or asked for: an endpoint each. */
async function findServices(servers: readonly DnsServer[], answer: DnsAnswer, signal: AbortSignal): Promise<Found> {
  const services = answer.records.filter((record): record is ServiceRecord => record.type === 'SRV' && record.target !== '' && record.port > 0)
  const targets = [...new Set(services.map(({ target }) => target))]
  const addresses = new Map(await Promise.all(targets.map(async (target) => [target, await addressesOf(servers, target, answer.additional, signal)] as const)))
  // Weight 0 takes a very small share (RFC 2782), not none.
  const endpoints = services.flatMap(({ target, port, weight, priority }) => addresses.get(target)!.addresses.map((address) => endpointAt(address, port, Math.max(1, weight), priority)))
  const times = [answer.ttlSeconds, ...[...addresses.values()].map((one) => one.ttlSeconds)].filter((time) => time !== undefined)
  return { endpoints, ttlSeconds: times.length === 0 ? undefined : Math.min(...times) }
}

async function addressesOf(servers: readonly DnsServer[], target: string, additional: readonly DnsRecord[], signal: AbortSignal): Promise<{ addresses: string[]; ttlSeconds: number | undefined }> {
  const beside = additional.filter((record) => record.name === target && record.type !== 'SRV')
  if (beside.length > 0) return { addresses: addressesIn(beside), ttlSeconds: Math.min(...beside.map((record) => record.ttlSeconds)) }
  const answer = await askDns(servers, target, 'A', signal)
  const found = answer.records.length > 0 ? answer : await askDns(servers, target, 'AAAA', signal)
  return { addresses: addressesIn(found.records), ttlSeconds: found.ttlSeconds }
}

function addressesIn(records: readonly DnsRecord[]): string[] {
  return records.flatMap((record) => (record.type === 'SRV' ? [] : [record.address]))
}

function endpointAt(address: string, port: number, weight: number, priority: number): SourceEndpoint {
  const url = endpointUrl(address, port)!
  return { id: url.slice('http://'.length), url, weight, zone: '', priority, tags: [], version: '', datacenter: '', healthUrl: '', down: '' }
}
