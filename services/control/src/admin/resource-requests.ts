/** What a request says of the resource that it writes. */
import { SluiceError } from '@sluice/errors'
import { resourceName } from '@sluice/proto/config'
import { policyName, type ResourceKind } from '../revisions/resources.ts'
import type { Principal } from './access.ts'
import { revisionOfIfMatch } from './parameters.ts'

type Body = Readonly<Record<string, unknown>>

interface WriteRequest {
  readonly method: string
  readonly headers: { readonly 'if-match'?: string | undefined }
  readonly principal: Principal | undefined
}

/** Who writes what, from which revision. Throws `client.bad_request`. */
export function authorshipOf<K extends ResourceKind>(request: WriteRequest, kind: K, name: string) {
  const ifMatch = revisionOfIfMatch(request.headers['if-match'])
  return { author: request.principal?.name ?? '', note: `${request.method} ${kind}/${name}`, ifMatch, kind, name }
}

/** A body may repeat its name and not give another. Throws `config.invalid`. */
export function checkNames(kind: ResourceKind, name: string, body: Body): void {
  const given = nameGiven(kind, body)
  if (given === undefined || given === name) return
  throw new SluiceError('config.invalid', { detail: `The body is called ${JSON.stringify(given)}, the address says "${name}"`, extra: { problems: [{ pointer: '/name', message: `expected "${name}"` }] } })
}

/** The name of a new resource. Throws `config.invalid`. */
export function nameIn(kind: ResourceKind, body: Body): string {
  const name = nameGiven(kind, body)
  if (resourceName.safeParse(name).success) return name as string
  throw new SluiceError('config.invalid', { detail: 'A new resource says its "name": letters, digits, ".", "_" and "-"', extra: { problems: [{ pointer: '/name', message: '"name" is missing or not valid' }] } })
}

function nameGiven(kind: ResourceKind, body: Body): unknown {
  return kind === 'policies' ? policyName(body) : body['name']
}
