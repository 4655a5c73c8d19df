/** What stores of secrets have in common: one that is away is asked seldom, and a secret of several fields once. */
import type { SecretOutcome, SecretSource } from './secret-source.ts'

/** A secret as its store holds it: named fields, or one text, which may be JSON of fields. */
export interface StoredSecret {
  readonly text?: string | undefined
  readonly fields?: Readonly<Record<string, unknown>> | undefined
}

/** The store answered that there is no such secret. */
export class NoSuchSecret extends Error {}

export interface StoreParts {
  /** As it is called in sentences: `Vault`. */
  readonly name: string
  /** Rejects with `NoSuchSecret`, or with why the store cannot be asked. */
  ask(path: string): Promise<StoredSecret>
  readonly now: () => number
  /** Told when it cannot be asked any more, and why; with undefined when it can. */
  readonly onState: (fault: string | undefined) => void
}

/** What was read is good for as long: one check asks for each field, and a revision means one moment. */
const sharedMs = 1000
/** After a failure nobody waits for the store again for so long: each write would. */
const awayMs = 5000
const maxShared = 1000

/** References of the form `PATH#FIELD`. */
export class StoredSecrets implements SecretSource {
  readonly #parts: StoreParts
  readonly #shared = new Map<string, { readonly at: number; readonly secret: Promise<StoredSecret> }>()
  #away: { readonly until: number; readonly fault: string } | undefined
  /** Undefined until it was asked. */
  isUp: boolean | undefined

  constructor(parts: StoreParts) {
    this.#parts = parts
  }

  async read(target: string): Promise<SecretOutcome> {
    const { name, now } = this.#parts
    const [path, field] = splitTarget(target)
    if (this.#away !== undefined && now() < this.#away.until) return { fault: this.#away.fault, isAway: true }
    try {
      const secret = await this.#askOnce(path)
      this.#noteUp()
      return valueIn(secret, field, `"${path}" of ${name}`)
    } catch (error) {
      if (error instanceof NoSuchSecret) {
        this.#noteUp()
        return { fault: `${name} has no secret "${path}"` }
      }
      const fault = `${name} cannot be asked for "${path}" (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`
      this.#away = { until: now() + awayMs, fault }
      if (this.isUp !== false) this.#parts.onState(fault)
      this.isUp = false
      return { fault, isAway: true }
    }
  }

  #noteUp(): void {
    this.#away = undefined
    if (this.isUp === false) this.#parts.onState(undefined)
    this.isUp = true
  }

  #askOnce(path: string): Promise<StoredSecret> {
    const { ask, now } = this.#parts
    const known = this.#shared.get(path)
    if (known !== undefined && now() - known.at < sharedMs) return known.secret
    if (this.#shared.size >= maxShared) this.#shared.clear()
    const secret = ask(path)
    this.#shared.set(path, { at: now(), secret })
    return secret
  }
}

function splitTarget(target: string): [path: string, field: string | undefined] {
  const hash = target.lastIndexOf('#')
  return hash < 0 ? [target, undefined] : [target.slice(0, hash), target.slice(hash + 1)]
}

function valueIn({ text, fields = fieldsIn(text) }: StoredSecret, field: string | undefined, called: string): SecretOutcome {
  if (field === undefined) return text === undefined ? { fault: `${called} has several fields; expected one behind "#"` } : { value: text }
  const value = fields !== undefined && Object.hasOwn(fields, field) ? fields[field] : undefined
  if (typeof value === 'string') return { value }
  return { fault: value === undefined ? `${called} has no field "${field}"` : `the field "${field}" of ${called} is no text` }
}

function fieldsIn(text: string | undefined): Record<string, unknown> | undefined {
  try {
    const read: unknown = JSON.parse(text ?? '')
    return typeof read === 'object' && read !== null && !Array.isArray(read) ? (read as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
