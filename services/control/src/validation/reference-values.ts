/** Reads what `env:NAME` and `file:PATH` stand for. */
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type FoundReference, parseReference, referencesIn } from '@sluice/proto/config'
import type { Problem } from './problem.ts'

export interface ReferenceParts {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Relative paths are looked for in each of these folders, in this order. */
  readonly directories: readonly string[]
  /** Values from before: they stay when what they stand for cannot be read now. */
  readonly lastValues?: Readonly<Record<string, string>> | undefined
  /** Reads a file as text; for tests. */
  readonly readFile?: ((path: string) => Promise<string>) | undefined
}

export interface ReferenceValues {
  /** Where references stand, in the order of the document. */
  readonly found: readonly FoundReference[]
  /** By reference. */
  readonly values: Readonly<Record<string, string>>
  readonly problems: readonly Problem[]
  /** References whose value is the one from before. */
  readonly kept: readonly string[]
}

/** Room for a list of 100,000 addresses. */
const maxBytes = 4 * 1024 * 1024

/** The value of every reference in the document, and a problem for each place of one that cannot be read. */
export async function readReferences(document: unknown, parts: ReferenceParts): Promise<ReferenceValues> {
  const found = referencesIn(document)
  const values = new Map<string, string>()
  const faults = new Map<string, string>()
  const kept: string[] = []
  for (const reference of new Set(found.map((one) => one.reference))) {
    const outcome = await readReference(reference, parts)
    const last = lastValue(reference, parts)
    if ('value' in outcome) values.set(reference, outcome.value)
    else if (last === undefined) faults.set(reference, outcome.fault)
    else {
      values.set(reference, last)
      kept.push(reference)
    }
  }
  const problems = found.flatMap(({ reference, path }): Problem[] => {
    const fault = faults.get(reference)
    return fault === undefined ? [] : [{ path, message: fault, code: 'config.reference_missing' }]
  })
  return { found, values: Object.fromEntries(values), problems, kept }
}

function lastValue(reference: string, parts: ReferenceParts): string | undefined {
  return parts.lastValues !== undefined && Object.hasOwn(parts.lastValues, reference) ? parts.lastValues[reference] : undefined
}

type Outcome = { readonly value: string } | { readonly fault: string }

/** What one reference stands for, or why it cannot be read. */
export async function readReference(reference: string, parts: Omit<ReferenceParts, 'lastValues'>): Promise<Outcome> {
  const { kind, target } = parseReference(reference)!
  if (kind === 'file') return readFirst(target, parts)
  const value = Object.hasOwn(parts.environment, target) ? parts.environment[target] : undefined
  return value === undefined ? { fault: `the environment variable "${target}" is not set` } : { value }
}

async function readFirst(target: string, parts: Omit<ReferenceParts, 'lastValues'>): Promise<Outcome> {
  let fault = `the file "${target}" cannot be read`
  for (const directory of parts.directories) {
    try {
      const text = await (parts.readFile ?? readSmallFile)(resolve(directory, target))
      // Editors and `echo` end a file with a newline that is not part of a secret.
      return { value: text.replace(/\r?\n$/, '') }
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT') return { fault: `the file "${target}" cannot be read (${code ?? message})` }
      fault = `there is no file "${target}"`
    }
  }
  return { fault }
}

async function readSmallFile(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    const found = await file.stat()
    if (!found.isFile()) throw new Error('it is no plain file')
    if (found.size > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}
