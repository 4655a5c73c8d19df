import type { HeaderFields } from '@sluice/http'
import { z } from 'zod'
import type { Exchange } from './exchange.ts'
import { fieldName, fieldTemplate } from './templated-fields.ts'
import { compileTemplate, fillField, type ValueTemplate } from './value-template.ts'

/** The setting `headers` of transforms. */
export const headerChanges = z.strictObject({
  remove: z.array(fieldName).default([]).describe('Fields to remove.'),
  rename: z.record(fieldName, fieldName).default({}).describe('Old name to new name; what stood under the new one is replaced.'),
  set: z.record(fieldName, fieldTemplate).default({}).describe('Name to value, in place of any there are; an empty value removes.'),
  add: z.record(fieldName, fieldTemplate).default({}).describe('Name to value, beside any there are.'),
})

type Named = readonly (readonly [name: string, value: ValueTemplate])[]

/** Header changes with everything prepared that does not depend on the exchange. */
export class HeaderChanges {
  private readonly removed: readonly string[]
  private readonly renamed: readonly (readonly [from: string, to: string])[]
  private readonly set: Named
  private readonly added: Named

  constructor({ remove, rename, set, add }: z.output<typeof headerChanges>) {
    this.removed = remove.map((name) => name.toLowerCase())
    this.renamed = Object.entries(rename).map(([from, to]) => [from.toLowerCase(), to])
    this.set = compileAll(set)
    this.added = compileAll(add)
  }

  apply(headers: HeaderFields, exchange: Exchange): void {
    for (const name of this.removed) headers.remove(name)
    for (const [from, to] of this.renamed) renameField(headers, from, to)
    for (const [name, value] of this.set) setField(headers, name, fillField(value, exchange))
    for (const [name, value] of this.added) headers.add(name, fillField(value, exchange))
  }
}

function compileAll(values: Readonly<Record<string, string>>): Named {
  return Object.entries(values).map(([name, text]) => [name, compileTemplate(text)] as const)
}

/** A value that comes out empty takes away what a client may have sent under the name, and sends nothing. */
function setField(headers: HeaderFields, name: string, value: string): void {
  if (value === '') headers.remove(name.toLowerCase())
  else headers.set(name, value)
}

function renameField(headers: HeaderFields, from: string, to: string): void {
  if (!headers.has(from)) return
  const target = to.toLowerCase()
  if (target !== from) headers.remove(target)
  for (let at = headers.indexOf(from, 0); at >= 0; at = headers.indexOf(from, at + 2)) headers.flat[at] = to
}
