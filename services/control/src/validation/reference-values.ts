/** Reads what the references of a configuration stand for. */
import { type FoundReference, referencesIn } from '@sluice/proto/config'
import type { ReadFrom } from '../secret-sources/secret-source.ts'
import type { SecretSources } from '../secret-sources/secret-sources.ts'
import type { Problem } from './problem.ts'

export interface ReferenceParts extends ReadFrom {
  readonly sources: SecretSources
  /** Values from before: they stay when what they stand for cannot be read now. */
  readonly lastValues?: Readonly<Record<string, string>> | undefined
  /** They stay only where the source could not be asked; what it does not have is a problem. */
  readonly keepsOnlyAway?: boolean | undefined
}

export interface ReferenceValues {
  /** Where references stand, in the order of the document. */
  readonly found: readonly FoundReference[]
  /** By reference. */
  readonly values: Readonly<Record<string, string>>
  readonly problems: readonly Problem[]
  /** References whose value is the one from before. */
  readonly kept: readonly string[]
  /** Where references stand whose value nobody can know here. */
  readonly elsewhere: readonly FoundReference[]
}

/** The value of every reference in the document, and a problem for each place of one that cannot be read. */
export async function readReferences(document: unknown, parts: ReferenceParts): Promise<ReferenceValues> {
  const found = referencesIn(document)
  const values = new Map<string, string>()
  const faults = new Map<string, string>()
  const kept: string[] = []
  const unknown = new Set<string>()
  for (const reference of new Set(found.map((one) => one.reference))) {
    const outcome = await parts.sources.read(reference, parts)
    if ('value' in outcome) values.set(reference, outcome.value)
    else if ('isElsewhere' in outcome) unknown.add(reference)
    else {
      const last = parts.keepsOnlyAway === true && outcome.isAway !== true ? undefined : lastValue(reference, parts)
      if (last === undefined) faults.set(reference, outcome.fault)
      else {
        values.set(reference, last)
        kept.push(reference)
      }
    }
  }
  const problems = found.flatMap(({ reference, path }): Problem[] => {
    const fault = faults.get(reference)
    return fault === undefined ? [] : [{ path, message: fault, code: 'config.reference_missing' }]
  })
  return { found, values: Object.fromEntries(values), problems, kept, elsewhere: found.filter(({ reference }) => unknown.has(reference)) }
}

function lastValue(reference: string, { lastValues }: ReferenceParts): string | undefined {
  return lastValues !== undefined && Object.hasOwn(lastValues, reference) ? lastValues[reference] : undefined
}
