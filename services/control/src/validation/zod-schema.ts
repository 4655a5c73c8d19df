/**
 * What a zod schema allows at a path: the names of settings there, for "unknown setting" and its nearest name.
 * Reads zod 4's definitions (`_zod.def`), which are its documented way in for libraries.
 */
import type { z } from 'zod'
import type { Path } from './problem.ts'

interface Definition {
  readonly type: string
  readonly innerType?: z.core.$ZodType
  readonly in?: z.core.$ZodType
  readonly getter?: () => z.core.$ZodType
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>
  readonly element?: z.core.$ZodType
  readonly valueType?: z.core.$ZodType
  readonly options?: readonly z.core.$ZodType[]
  readonly items?: readonly z.core.$ZodType[]
}

/** The settings that a map at `path` may hold; of several alternatives, those of all. */
export function settingsAt(schema: z.core.$ZodType, path: Path): string[] {
  const names = alternativesAt(schema, path).flatMap((candidate) => Object.keys(definitionOf(candidate).shape ?? {}))
  return [...new Set(names)]
}

/** What stands at `path`, wrappers (default, optional, …) removed and unions spread out. */
function alternativesAt(schema: z.core.$ZodType, path: Path): z.core.$ZodType[] {
  let candidates = spread(schema)
  for (const part of path) candidates = candidates.flatMap((candidate) => childrenOf(candidate, part)).flatMap(spread)
  return candidates
}

function definitionOf(schema: z.core.$ZodType): Definition {
  return schema._zod.def as unknown as Definition
}

function spread(schema: z.core.$ZodType): z.core.$ZodType[] {
  const { type, innerType, in: input, getter, options } = definitionOf(schema)
  if (type === 'union') return (options ?? []).flatMap(spread)
  if (type === 'pipe' && input !== undefined) return spread(input)
  if (type === 'lazy' && getter !== undefined) return spread(getter())
  return innerType === undefined ? [schema] : spread(innerType)
}

function childrenOf(schema: z.core.$ZodType, part: string | number): z.core.$ZodType[] {
  const { shape, element, valueType, items } = definitionOf(schema)
  const child = typeof part === 'string' && shape !== undefined && Object.hasOwn(shape, part) ? shape[part] : undefined
  const item = typeof part === 'number' ? (items?.[part] ?? element) : undefined
  return [child ?? item ?? valueType].filter((found) => found !== undefined)
}
