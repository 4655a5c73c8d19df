import { addParameter, readParameter, removeParameter, renameParameter, setParameter } from '@sluice/http'
import type { Exchange } from '../exchange.ts'
import { compileTemplate, fillParameter, type ValueTemplate } from '../value-template.ts'
import type { RequestTransformSettings } from './schema.ts'

type Named = readonly (readonly [name: string, value: ValueTemplate])[]

/** Query changes; each touches only the parameters it names. */
export class QueryChanges {
  private readonly removed: readonly string[]
  private readonly renamed: readonly (readonly [from: string, to: string])[]
  private readonly set: Named
  private readonly added: Named

  constructor({ remove, rename, set, add }: NonNullable<RequestTransformSettings['query']>) {
    this.removed = remove
    this.renamed = Object.entries(rename)
    this.set = Object.entries(set).map(([name, text]) => [name, compileTemplate(text)] as const)
    this.added = Object.entries(add).map(([name, text]) => [name, compileTemplate(text)] as const)
  }

  apply(exchange: Exchange): void {
    let { query } = exchange.request
    for (const name of this.removed) query = removeParameter(query, name)
    for (const [from, to] of this.renamed) query = renamed(query, from, to)
    for (const [name, value] of this.set) query = setParameter(query, name, fillParameter(value, exchange))
    for (const [name, value] of this.added) query = addParameter(query, name, fillParameter(value, exchange))
    exchange.request.query = query
  }
}

function renamed(query: string, from: string, to: string): string {
  if (from === to || readParameter(query, from) === undefined) return query
  return renameParameter(removeParameter(query, to), from, to)
}
