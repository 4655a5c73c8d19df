/** What each `require` of a guardrail asks of a resource. */
import { isLoopback } from '@sluice/service-kit'
import type { Guardrail } from '@sluice/proto/config'
import type { Resource, WrittenDocument } from '../revisions/resources.ts'
import { policySchemas } from '../validation/policy-catalogue.ts'
import { type PolicyInForce, policiesInForce } from './effective-policies.ts'
import { covers, hostName } from './host-patterns.ts'

type RouteInput = NonNullable<WrittenDocument['routes']>[number]

/** How the resource breaks the rule, in words; undefined when it keeps it. */
export function breachOf(rule: Guardrail, resource: Resource, document: WrittenDocument): string | undefined {
  switch (rule.require) {
    case 'authentication':
      return waysOf(resource, document).every((way) => way.some(saysWho)) ? undefined : 'nothing says who is calling'
    case 'policies':
      return absent(rule.policies!, resource, document)
    case 'no-policies':
      return present(rule.policies!, resource, document)
    case 'owner':
      return resource['owner'] === undefined ? 'it says no owner' : undefined
    case 'labels':
      return unlabelled(rule.labels!, resource)
    case 'hosts':
      return strangeHosts(rule.hosts!, resource)
    case 'encrypted-upstreams':
      return inClear(resource)
  }
}

function waysOf(resource: Resource, document: WrittenDocument): PolicyInForce[][] {
  return policiesInForce(resource as unknown as RouteInput, document)
}

/** A policy that lets those in whom it does not know says nothing of them. */
function saysWho({ type, settings }: PolicyInForce): boolean {
  return policySchemas.get(type)?.identity === true && settings['anonymous'] === undefined && settings['shadow'] !== true
}

function absent(types: readonly string[], resource: Resource, document: WrittenDocument): string | undefined {
  const missing = types.find((type) => !waysOf(resource, document).every((way) => way.some((policy) => policy.type === type)))
  return missing === undefined ? undefined : `the policy "${missing}" is not in force`
}

function present(types: readonly string[], resource: Resource, document: WrittenDocument): string | undefined {
  const found = types.find((type) => waysOf(resource, document).some((way) => way.some((policy) => policy.type === type)))
  return found === undefined ? undefined : `the policy "${found}" is in force`
}

function unlabelled(names: readonly string[], resource: Resource): string | undefined {
  const labels = (resource['labels'] ?? {}) as Readonly<Record<string, string>>
  const missing = names.find((name) => !Object.hasOwn(labels, name))
  return missing === undefined ? undefined : `it has no label "${missing}"`
}

function strangeHosts(allowed: readonly string[], resource: Resource): string | undefined {
  const { hosts } = resource['match'] as { hosts?: readonly string[] }
  if (hosts === undefined) return 'it takes requests for any host'
  const strange = hosts.find((host) => !allowed.some((pattern) => covers(pattern, hostName(host))))
  return strange === undefined ? undefined : `the host "${strange}" is not among those allowed`
}

/** Endpoints that a registry names are spoken to as the upstream says. */
function inClear(resource: Resource): string | undefined {
  const endpoints = resource['endpoints'] as readonly { url: string }[] | undefined
  if (endpoints === undefined) return resource['tls'] === undefined ? 'its endpoints are found elsewhere and spoken to without TLS' : undefined
  const clear = endpoints.find(({ url }) => url.startsWith('http:') && !staysHere(url))
  return clear === undefined ? undefined : `${clear.url} is spoken to without TLS`
}

function staysHere(url: string): boolean {
  return URL.canParse(url) && isLoopback({ host: new URL(url).hostname.replace(/^\[|\]$/g, ''), port: 0 })
}
