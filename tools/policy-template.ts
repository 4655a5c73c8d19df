// The four files of a new policy. It sets a response field, so that it does something one can see; the rest of the
// hooks is described in extensions/policies/policy.ts.

/** Contents by path, relative to the policy's folder. */
export function policyFiles(name: string): Record<string, string> {
  return { 'schema.ts': schema(name), [`${name}.ts`]: implementation(name), [`${name}.test.ts`]: unitTest(name), 'README.md': readme(name) }
}

function schema(name: string): string {
  const type = `${pascalCase(name)}Settings`
  return `import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import type { PolicySchema } from '../policy.ts'

const settings = z.strictObject({
  ...everyPolicy,
  value: z.string().min(1).max(200).default('on').describe('What the response field \`X-Example\` says.'),
})

export type ${type} = z.output<typeof settings>

export const schema: PolicySchema<${type}> = { name: '${name}', settings, hooks: ['onResponse'] }
`
}

function implementation(name: string): string {
  const type = `${pascalCase(name)}Settings`
  return `import type { Policy } from '../policy.ts'
import type { ${type} } from './schema.ts'

/** Once per snapshot and place: whatever does not depend on the request is prepared here, not in the hooks. */
export function compile({ value }: ${type}): Policy {
  return {
    onResponse(exchange) {
      exchange.responseFields.push('X-Example', value)
    },
  }
}
`
}

function unitTest(name: string): string {
  return `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeOf } from '../exchange.contract.ts'
import { policyContract, settingsOf } from '../policy.contract.ts'
import * as module from './${name}.ts'
import { schema } from './schema.ts'

policyContract({ schema, module, from: import.meta.url, examples: [{}] })

test('the response says what the settings say', async () => {
  const exchange = exchangeOf()
  await module.compile(settingsOf(schema, { value: 'yes' })).onResponse?.(exchange)
  assert.deepEqual(exchange.responseFields, ['X-Example', 'yes'])
})
`
}

function readme(name: string): string {
  return `# ${name}

What it is for, in a sentence or two.

\`\`\`yaml
policies:
  - ${name}: { value: "yes" }
\`\`\`

## Settings

<!-- settings -->
<!-- /settings -->

**When something is away**: it asks nobody. **Metrics**: none. **Maturity**: new.
`
}

function pascalCase(name: string): string {
  return name.replaceAll(/(?:^|-)(.)/g, (_, letter: string) => letter.toUpperCase())
}
