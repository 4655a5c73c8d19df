/** The table of settings in a policy's README, made from its schema: meaning, type and default stand there alone. */
import { z } from 'zod'

interface JsonSchema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly JsonSchema[]
  readonly items?: JsonSchema
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly required?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
}

interface Row {
  readonly name: string
  readonly schema: JsonSchema
  readonly required: boolean
}

/** A Markdown table with a row for each setting, those inside others as `outer.inner`. */
export function settingsTable(settings: z.ZodType): string {
  const schema = z.toJSONSchema(settings, { io: 'input', unrepresentable: 'any' }) as JsonSchema
  const lines = rowsOf(schema, '').map(({ name, schema: one, required }) =>
    `| \`${name}\` | ${typeOf(one)} | ${defaultOf(one, required)} | ${cell(one.description ?? '')} |`,
  )
  return ['| setting | type | default | meaning |', '|---|---|---|---|', ...lines].join('\n')
}

function rowsOf(schema: JsonSchema, prefix: string): Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => {
    const row = { name: prefix + key, schema: inner, required: schema.required?.includes(key) === true }
    const list = inner.items ?? inner.anyOf?.find((one) => one.items !== undefined)?.items
    const deeper = list?.properties === undefined ? rowsOf(inner, `${prefix}${key}.`) : rowsOf(list, `${prefix}${key}[].`)
    return [row, ...deeper]
  })
}

function typeOf(schema: JsonSchema): string {
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' or ')
  if (schema.enum !== undefined) return schema.enum.map((value) => code(String(value))).join(', ')
  if (schema.const !== undefined) return code(String(schema.const))
  switch (schema.type) {
    case 'array': return `list of ${typeOf(schema.items ?? {})}`
    case 'object': return schema.properties === undefined ? 'map' : 'settings'
    case 'integer': case 'number': return numberType(schema)
    case 'string': return 'text'
    case 'boolean': return '`true`, `false`'
    default: return 'any'
  }
}

function numberType(schema: JsonSchema): string {
  const word = schema.type === 'integer' ? 'whole number' : 'number'
  const low = schema.minimum !== undefined && schema.minimum > Number.MIN_SAFE_INTEGER ? schema.minimum : undefined
  const high = schema.maximum !== undefined && schema.maximum < Number.MAX_SAFE_INTEGER ? schema.maximum : undefined
  if (low === undefined && high === undefined) return word
  return high === undefined ? `${word} from ${low}` : `${word}, ${low ?? '…'} to ${high}`
}

function defaultOf(schema: JsonSchema, required: boolean): string {
  if (schema.default === undefined) return required ? 'required' : ''
  const { default: value } = schema
  return code(typeof value === 'string' && value !== '' ? value : JSON.stringify(value))
}

function code(text: string): string {
  return `\`${cell(text)}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
