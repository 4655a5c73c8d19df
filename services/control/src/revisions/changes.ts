/** The changes that there are: the whole configuration, one resource, a step back. */
import type { Commit } from '@sluice/config-stores/config-store'
import { SluiceError } from '@sluice/errors'
import type { SecretSources } from '../secret-sources/secret-sources.ts'
import type { Path, Problem } from '../validation/problem.ts'
import type { Validation, ValidationParts } from '../validation/validate.ts'
import { toldOfPart, withOwned } from './owned-config.ts'
import { deleteResource, findResource, listResources, pathOfResource, putResource, type Resource, type ResourceKind, resourceKinds, type WrittenDocument } from './resources.ts'
import type { StoredRevision } from './stored-revisions.ts'

export interface Change {
  readonly author: string
  readonly note: string
  readonly origin: Commit['origin']
  /** Digest of the file it comes from. Given, a revision is made even when nothing changes: it records the digest. */
  readonly fileDigest?: string
  /** The revision its author saw. */
  readonly ifMatch?: number | undefined
  /** Edges are to take it although much of what they serve is gone. */
  readonly isForced?: boolean
  /** `everywhere`: at once, whatever the rings; `along`: where the head goes [ring by ring, if there are rings]. */
  readonly goes?: 'everywhere' | 'along' | undefined
  /** Guardrails that it breaks are told and do not stop it. */
  readonly isLenient?: boolean
  /** The resources it changes, such as `routes/get-user`. */
  readonly touches: 'everything' | readonly string[]
  /** The head's document, changed; what it answers may hold what only a file has, such as consumers. Throws `config.*`. */
  edit(head: WrittenDocument): unknown
  /**
   * Checks what `edit` made, or a part of it; `lastValues` are those of the head's references, `upstreams` the names of
   * all there are when only a part is checked.
   */
  validate(edited: unknown, lastValues: Readonly<Record<string, string>>, upstreams?: readonly string[]): Promise<Validation>
  /** Runs once, after the check and before the commit. */
  prepare?(validation: Validation): Promise<void>
  /** Where in the edited document the sent resource stands: its problems are told relative to it. */
  base?(edited: unknown): Path
  /** The error for these problems, instead of the usual one. */
  refuse?(problems: readonly Problem[], edited: unknown): SluiceError
}

export type Validate = (input: unknown, parts: ValidationParts) => Promise<Validation>

/** How this control checks: with references read from these sources, relative paths from these folders. */
export interface Checking {
  readonly validate: Validate
  readonly sources: SecretSources
  readonly baseDirectory: string
  readonly otherDirectories: readonly string[]
}

interface Authorship {
  readonly author: string
  readonly note: string
  readonly ifMatch?: number | undefined
}

interface WholeConfig extends Authorship {
  readonly goes?: Change['goes']
  /** Also when much of what is served goes. */
  readonly isForced?: boolean
  readonly origin: 'file' | 'api'
  readonly fileDigest?: string
  readonly prepare?: (validation: Validation) => Promise<void>
}

/**
 * The configuration in place of all that was; certificates stay when it names none, since their keys may have come by the
 * admin API alone. Every reference has to be readable, but for those of a store of secrets that is away.
 */
export function replaceConfig(checking: Checking, input: unknown, about: WholeConfig): Change {
  return { ...about, touches: 'everything', edit: (head) => withCertificatesOf(head, input), validate: (edited, lastValues) => check(checking, edited, { lastValues, keepsOnlyAway: true }) }
}

/** What a whole configuration means: without a word on certificates those of the head. */
export function withCertificatesOf({ certificates }: WrittenDocument, input: unknown): unknown {
  if (certificates === undefined || typeof input !== 'object' || input === null || Array.isArray(input) || 'certificates' in input) return input
  return { ...input, certificates }
}

/**
 * What one owner has, in place of what that owner had. References of the others keep their values when they cannot be
 * read now. Throws `config.not_owned`.
 */
export function replaceOwned(checking: Checking, input: unknown, owner: string, about: WholeConfig): Change {
  return {
    ...about,
    touches: 'everything',
    edit: (head) => withOwned(head, input, owner),
    validate: async (edited, lastValues) => toldOfPart(await check(checking, edited, { lastValues }), edited, input),
  }
}

interface ResourceWrite extends Authorship {
  readonly kind: ResourceKind
  readonly name: string
}

type Body = Readonly<Record<string, unknown>>

interface ResourcePut extends ResourceWrite {
  /** Or made of what there was of that name. */
  readonly body: Body | ((before: Resource | undefined) => Body)
  readonly create: boolean
  /** Told whether there was one of that name; again when the change is made on a newer head. */
  readonly onEdit?: (exists: boolean) => void
}

/**
 * One resource put in place. With `create`, `config.exists` when there is one of that name. References elsewhere that
 * cannot be read now keep their values: they are not this author's concern.
 */
export function putOne(checking: Checking, about: ResourcePut): Change {
  const { kind, name, body, create, onEdit, ...authorship } = about
  return {
    ...authorship,
    origin: 'api',
    touches: [`${kind}/${name}`],
    edit(head) {
      const before = findResource(head, kind, name)
      const exists = before !== undefined
      onEdit?.(exists)
      if (create && exists) throw new SluiceError('config.exists', { detail: `${kind}/${name} exists; PUT replaces it` })
      return putResource(head, kind, name, typeof body === 'function' ? body(before) : body)
    },
    validate: (edited, lastValues, upstreams) => check(checking, edited, { lastValues, upstreams }),
    base: (edited) => pathOfResource(edited as WrittenDocument, kind, name),
  }
}

/** One resource taken away: `config.not_found` when there is none, `config.reference_in_use` when another leads to it. */
export function deleteOne(checking: Checking, about: ResourceWrite): Change {
  const { kind, name, ...authorship } = about
  return {
    ...authorship,
    origin: 'api',
    touches: [`${kind}/${name}`],
    edit(head) {
      if (findResource(head, kind, name) === undefined) throw new SluiceError('config.not_found', { detail: `There is no ${kind}/${name}` })
      return deleteResource(head, kind, name)
    },
    validate: (edited, lastValues, upstreams) => check(checking, edited, { lastValues, upstreams }),
    refuse: (problems, edited) => inUse(`${kind}/${name}`, problems, edited as WrittenDocument),
  }
}

/** Without this resource the rest does not hold together: that is a matter of what still refers to it. */
function inUse(resource: string, problems: readonly Problem[], document: WrittenDocument): SluiceError {
  const users = [...new Set(problems.map(({ path }) => nameOf(document, path)))]
  return new SluiceError('config.reference_in_use', { detail: `${resource} is still needed by ${users.slice(0, 5).join(', ')}`, extra: { usedBy: users.slice(0, 100) } })
}

/** `routes/get-user` for a path into the third route. */
function nameOf(document: WrittenDocument, [kind, place]: Path): string {
  const known = resourceKinds.find((one) => one === kind)
  if (known === undefined) return String(kind ?? 'the configuration')
  return `${known}/${typeof place === 'number' ? listResources(document, known)[place]?.name : place}`
}

/** The content of an older revision as a new one. References are read anew; what cannot be read has the value of then. */
export function rollBack(checking: Checking, to: StoredRevision, about: Authorship): Change {
  return { ...about, origin: 'rollback', goes: 'everywhere', isForced: true, isLenient: true, touches: 'everything', edit: () => to.document, validate: (edited) => check(checking, edited, { lastValues: to.secrets }) }
}

/**
 * The head as it is, the references in `touches` (resources of it) read anew, and with them whoever else has one that
 * changed; what cannot be read keeps its value.
 */
export function readAnew(checking: Checking, about: Authorship & { readonly touches: readonly string[] }): Change {
  return { ...about, origin: 'api', goes: 'along', isLenient: true, edit: (head) => head, validate: (edited, lastValues, upstreams) => check(checking, edited, { lastValues, upstreams }) }
}

function check(checking: Checking, input: unknown, about: Pick<ValidationParts, 'lastValues' | 'keepsOnlyAway' | 'upstreams'>): Promise<Validation> {
  const { validate, sources, baseDirectory, otherDirectories } = checking
  return validate(input, { sources, baseDirectory, otherDirectories, ...about })
}
