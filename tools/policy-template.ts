// The four files of a new policy. It sets a response field, so that it does something one can see; the rest of the
// hooks is described in extensions/policies/policy.ts.

/** Contents by path, relative to the policy's folder. */
export function policyFiles(name: string): Record<string, string> {
  return { 'schema.ts': schema(name), [`${name}.ts`]: implementation(), [`${name}.test.ts`]: unitTest(name), 'README.md': readme(name) }
}

function schema(name: string): string {
  return `import { z } from 'zod'
import type { PolicySchema } from '../policy.ts'

const settings = z.strictObject({
  /** What the response field says. */
  value: z.string().min(1).max(200).default('on'),
})

export type Settings = z.output<typeof settings>

export const schema = { name: '${name}', settings, hooks: ['onResponse'] } as const satisfies PolicySchema<Settings>
`
}

function implementation(): string {
  return `import type { Policy } from '../policy.ts'
import type { Settings } from './schema.ts'

/** Once per snapshot and route: whatever does not depend on the request is prepared here, not in the hooks. */
export function compile(settings: Settings): Policy {
  const { value } = settings
  return {
    onResponse(exchange) {
      exchange.responseFields.push('x-example', value)
    },
  }
}
`
}

function unitTest(name: string): string {
  return `import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Exchange } from '../exchange.ts'
import { compile } from './${name}.ts'
import { schema } from './schema.ts'

suite('policy ${name}', () => {
  test('the response says what the settings say', () => {
    const exchange: Pick<Exchange, 'responseFields'> = { responseFields: [] }
    compile({ value: 'yes' }).onResponse?.(exchange as Exchange)
    assert.deepEqual(exchange.responseFields, ['x-example', 'yes'])
  })

  test('settings have defaults, and a misspelled one is refused', () => {
    assert.deepEqual(schema.settings.parse({}), { value: 'on' })
    assert.equal(schema.settings.safeParse({ valeu: 'on' }).success, false)
  })
})
`
}

function readme(name: string): string {
  return `# ${name}

What it is for, in a sentence or two.

\`\`\`yaml
policies:
  - ${name}: { value: "on" }
\`\`\`

| setting | default | meaning |
|---|---|---|
| \`value\` | \`on\` | what the response field \`X-Example\` says |

- **When something it needs is away**: it needs nothing; say here whether it fails open or closed once it does.
- **Cost**: one field a response.
- **Metrics**: none of its own. **Maturity**: new.
`
}
