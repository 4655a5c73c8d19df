/** JSON Schema (2020-12) of the config file, for editors: the zod schemas with the own settings of each policy and source in place. */
import { discoverySources } from '@sluice/discovery-sources'
import { discoverySource, gatewayConfig, policyEntry } from '@sluice/proto/config'
import { z } from 'zod'
import type { PolicySchemas } from './policy-checks.ts'

type JsonSchema = Record<string, unknown>

/** The schema, made anew at each call (some ten milliseconds). */
export function makeConfigSchema(policies: PolicySchemas): JsonSchema {
  const entries = Object.fromEntries([...policies].map(([name, { settings }]) => [name, { anyOf: [{ const: false }, schemaOf(settings)] }]))
  const entry = { type: 'object', properties: entries, additionalProperties: false, minProperties: 1, maxProperties: 1 }
  const schema = toJsonSchema(gatewayConfig, (zodSchema, made) => {
    if (zodSchema === policyEntry) replaceBy(made, { $ref: '#/$defs/policy' })
    else if (zodSchema === discoverySource) replaceBy(made, { anyOf: discoverySources.filter(({ name }) => name !== 'static').map(sourceSchemaOf) })
  })
  const definitions = (schema['$defs'] ?? {}) as JsonSchema
  return { ...schema, title: 'Sluice configuration', $defs: { ...definitions, policy: entry } }
}

function replaceBy(made: JsonSchema, other: JsonSchema): void {
  for (const key of Object.keys(made)) delete made[key]
  Object.assign(made, other)
}

/** The source's name is what tells the alternatives apart, so it is required in each. */
function sourceSchemaOf({ settings }: { readonly settings: z.core.$ZodType }): JsonSchema {
  const schema = schemaOf(settings)
  return { ...schema, required: ['source', ...((schema['required'] ?? []) as string[])] }
}

function schemaOf(settings: z.core.$ZodType): JsonSchema {
  const { $schema: _, ...schema } = toJsonSchema(settings)
  return schema
}

function toJsonSchema(schema: z.core.$ZodType, change: (zodSchema: z.core.$ZodType, made: JsonSchema) => void = () => {}): JsonSchema {
  return z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    // A definition of its own for what stands in several places would clash between policies' schemas.
    reused: 'inline',
    override: ({ zodSchema, jsonSchema }) => change(zodSchema, jsonSchema as JsonSchema),
  }) as JsonSchema
}
