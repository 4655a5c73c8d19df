/** Consumers as the configuration and the admin API have them, and as the store keeps them. */
import { createHash } from 'node:crypto'
import type { StoredConsumer, StoredCredential } from '@sluice/credential-stores/credential-store'
import { SluiceError } from '@sluice/errors'
import { consumer as consumerSchema, type Consumer, type Credential, groupOfPlan, planOfGroup } from '@sluice/proto/config'
import { passwordHashProblem } from '@sluice/verifier'

export interface PutRules {
  /** Credentials that the resource does not name stay: a file adds credentials, it takes none away. */
  readonly keepUnnamed: boolean
  readonly nowMs: number
}

const maxCredentials = 100
const maxProblems = 20

/** The resource in `json`, checked. Throws `config.invalid` with what is wrong and where. */
export function readConsumer(json: string): Consumer {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (cause) {
    throw new SluiceError('config.invalid', { detail: 'a consumer is not JSON', cause })
  }
  const parsed = consumerSchema.safeParse(value)
  if (parsed.success) return withUsableCredentials(parsed.data)
  const problems = parsed.error.issues.slice(0, maxProblems).map(({ path, message }) => ({ path: path.map(String), message }))
  throw invalid(nameIn(value), problems)
}

/** The consumer as it shall be stored, given what is stored of that name now. Throws `config.invalid` beyond 100 credentials. */
export function toStored(resource: Consumer, before: StoredConsumer | undefined, { keepUnnamed, nowMs }: PutRules): StoredConsumer {
  const known = before?.credentials ?? []
  const named = resource.credentials.map((credential) => storedCredential(credential, known, nowMs))
  const kept = keepUnnamed ? known.filter((credential) => !named.some((other) => other.kind === credential.kind && other.id === credential.id)) : []
  const credentials = [...named, ...kept]
  if (credentials.length > maxCredentials) throw invalid(resource.name, [{ path: ['credentials'], message: `there would be more than ${maxCredentials}` }])
  const groups = resource.plan === undefined ? resource.groups : [...resource.groups, groupOfPlan(resource.plan)]
  return { name: resource.name, groups, labels: resource.labels ?? {}, owner: resource.owner ?? '', credentials }
}

/** What a file would hold of the consumer; empty members are left out. */
export function toResource({ name, groups: stored, labels, owner, credentials }: StoredConsumer): object {
  const groups = stored.filter((group) => planOfGroup(group) === undefined)
  const [plan] = stored.flatMap((group) => planOfGroup(group) ?? [])
  return {
    name,
    ...(groups.length > 0 && { groups }),
    ...(plan !== undefined && { plan }),
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(owner !== '' && { owner }),
    ...(credentials.length > 0 && { credentials: credentials.map(credentialResource) }),
  }
}

/** Whether one more credential is one too many. */
export function isFull(consumer: StoredConsumer): boolean {
  return consumer.credentials.length >= maxCredentials
}

function storedCredential(credential: Credential, known: readonly StoredCredential[], nowMs: number): StoredCredential {
  if ('jwtSubject' in credential) return { kind: 'jwtSubject', id: derivedId('sub', credential.jwtSubject), subject: credential.jwtSubject }
  if ('basic' in credential) {
    const { username, passwordHash } = credential.basic
    return { kind: 'basic', id: derivedId('usr', username), username, passwordHash }
  }
  const { id, hash, expiresAt } = credential.apiKey
  const before = known.find((other) => other.kind === 'apiKey' && other.id === id)
  const createdAtMs = before?.kind === 'apiKey' ? before.createdAtMs : nowMs
  return { kind: 'apiKey', id, hash, expiresAtMs: expiresAt === undefined ? 0 : Date.parse(expiresAt), createdAtMs }
}

function credentialResource(credential: StoredCredential): object {
  switch (credential.kind) {
    case 'apiKey': {
      const expiresAt = credential.expiresAtMs === 0 ? {} : { expiresAt: new Date(credential.expiresAtMs).toISOString() }
      return { apiKey: { id: credential.id, hash: credential.hash, ...expiresAt } }
    }
    case 'basic':
      return { basic: { username: credential.username, passwordHash: credential.passwordHash } }
    case 'jwtSubject':
      return { jwtSubject: credential.subject }
  }
}

/** The same subject or user name has the same id whenever it is written, so that it can be revoked by it. */
function derivedId(kind: 'sub' | 'usr', name: string): string {
  return `${kind}${createHash('sha256').update(name).digest('hex').slice(0, 16)}`
}

function withUsableCredentials(resource: Consumer): Consumer {
  const seen = new Set<string>()
  const problems = resource.credentials.flatMap((credential, index) => {
    const { name, hash } = nameAndHash(credential)
    const problem = seen.has(name) ? `${name} stands there twice` : hash === undefined ? undefined : passwordHashProblem(hash)
    seen.add(name)
    return problem === undefined ? [] : [{ path: ['credentials', String(index)], message: problem }]
  })
  if (problems.length > 0) throw invalid(resource.name, problems)
  return resource
}

function nameAndHash(credential: Credential): { name: string; hash?: string } {
  if ('apiKey' in credential) return { name: `apiKey ${credential.apiKey.id}`, hash: credential.apiKey.hash }
  if ('basic' in credential) return { name: `basic ${credential.basic.username}`, hash: credential.basic.passwordHash }
  return { name: `jwtSubject ${credential.jwtSubject}` }
}

function nameIn(value: unknown): string {
  const name = (value as { name?: unknown } | null)?.name
  return typeof name === 'string' ? name.slice(0, 128) : ''
}

function invalid(name: string, problems: readonly { path: readonly string[]; message: string }[]): SluiceError {
  const located = problems.map(({ path, message }) => ({ pointer: path.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''), message }))
  const detail = `consumer ${name}: ${located.map(({ pointer, message }) => `${pointer}: ${message}`).join('; ')}`
  return new SluiceError('config.invalid', { detail, extra: { consumer: name, problems: located } })
}
