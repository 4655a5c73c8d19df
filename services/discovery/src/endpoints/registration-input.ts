import { isIP } from 'node:net'
import type { Instance } from '@sluice/discovery-sources/discovery-source'
import { SluiceError } from '@sluice/errors'
import { resourceName } from '@sluice/proto/config'
import type { RegisterRequest } from '@sluice/proto/messages/discovery'

/** Facts of an instance that has registered itself; `down` is added by the registry. */
export type RegisteredInstance = Omit<Instance, 'down'>

const idForm = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/
const hostForm = /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?$/
const maxTags = 64
const maxTextLength = 128

/**
 * The instance that a request describes. Throws `client.bad_request` with what is wrong.
 * The health URL may lead to the registered address only: whoever may register must not be able to make discovery ask
 * any address within its network (server-side request forgery) and read the answer's status off the list of endpoints.
 */
export function readRegistration(request: RegisterRequest): RegisteredInstance {
  const { service, id, address, port, tags, version, datacenter, zone, weight } = request
  demand(resourceName.safeParse(service).success, 'service is a name of letters, digits, ".", "_" and "-"')
  demand(idForm.test(id), 'id has 1 to 128 letters, digits, ".", "_", ":" and "-"')
  demand(isIP(address) !== 0 || hostForm.test(address), 'address is an IP address or a host name')
  demand(Number.isInteger(port) && port >= 1 && port <= 65_535, 'port is 1 to 65535')
  demand(tags.length <= maxTags && [...tags, version, datacenter, zone].every((text) => text.length <= maxTextLength), `at most ${maxTags} tags; tags, version, datacenter and zone have at most ${maxTextLength} characters`)
  demand(weight >= 0 && weight <= 1000, 'weight is 0 to 1000')
  const host = isIP(address) === 6 ? `[${address}]` : address
  return {
    ...{ service, id, tags, version, datacenter, zone, priority: 0 },
    url: `http://${host}:${port}`,
    // A message does not tell 0 from left out; who wants no traffic deregisters.
    weight: weight === 0 ? 1 : weight,
    healthUrl: readHealthUrl(request.healthUrl, new URL(`http://${host}`).hostname),
  }
}

function readHealthUrl(value: string, hostname: string): string {
  if (value === '') return ''
  const url = value.length <= 2048 && URL.canParse(value) ? new URL(value) : undefined
  demand(url !== undefined && (url.protocol === 'http:' || url.protocol === 'https:'), 'healthUrl is an http or https URL')
  demand(url!.hostname === hostname, 'healthUrl leads to the registered address')
  demand(url!.username === '' && url!.password === '', 'healthUrl holds no user')
  return url!.href
}

function demand(holds: boolean, what: string): void {
  if (!holds) throw new SluiceError('client.bad_request', { detail: `The registration cannot be taken: ${what}` })
}
