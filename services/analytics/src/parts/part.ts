/**
 * Several instances of analytics take a part of the edges each. An edge belongs to one part by its name alone, so that whichever way
 * a batch comes, and however often, it comes to the one store that knows whether it has it.
 */
import { z } from 'zod'

export interface Part {
  /** From 1. */
  readonly index: number
  readonly of: number
}

export const onlyPart: Part = { index: 1, of: 1 }

/** `2/3`: the second part of three. */
export const partSetting = z
  .string()
  .regex(/^[1-9]\d?\/[1-9]\d?$/, 'expected a part such as 2/3')
  .transform((text): Part => {
    const [index = 1, of = 1] = text.split('/').map(Number)
    return { index, of }
  })
  .refine(({ index, of }) => index <= of, 'expected a part such as 2/3, the first number no more than the second')

/** The part, from 1, that an edge of this name belongs to: FNV-1a over its UTF-16 units, mixed by the finaliser of MurmurHash3. */
export function partOfEdge(edge: string, of: number): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < edge.length; index++) hash = Math.imul(hash ^ edge.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (((hash ^ (hash >>> 16)) >>> 0) % of) + 1
}

/** As it stands in subjects and messages. */
export function nameOfPart({ index, of }: Part): string {
  return `${index}-of-${of}`
}
