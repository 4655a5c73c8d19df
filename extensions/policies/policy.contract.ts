/**
 * What every policy must satisfy. Only tests import this file.
 * `UPDATE_DOCS=1` writes the settings tables of the READMEs anew instead of comparing them.
 */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { partsFor } from './exchange.contract.ts'
import type { HookName, Policy, PolicyModule, PolicySchema } from './policy.ts'
import { settingsTable } from './settings-table.ts'

export interface ContractCase<S> {
  readonly schema: PolicySchema<S>
  readonly module: PolicyModule<S>
  /** `import.meta.url` of the policy's test. */
  readonly from: string
  /** Settings that are right, as a file holds them; together their policies implement every hook of the schema. */
  readonly examples: readonly Record<string, unknown>[]
  /** The setting whose absence makes `{}` a problem; left out when `{}` is right. '' for the settings as a whole. */
  readonly required?: string
}

/** Registers the tests that every policy runs. */
export function policyContract<S>(one: ContractCase<S>): void {
  const { schema, examples } = one
  test(`${schema.name}: empty settings are right, or what is missing is said`, () => checkEmpty(one))
  test(`${schema.name}: an unknown setting is refused by its name`, () => {
    const issues = schema.settings.safeParse({ ...examples[0], noSuchSetting: 1 }).error?.issues ?? []
    assert.ok(issues.some((issue) => issue.code === 'unrecognized_keys' && issue.keys.includes('noSuchSetting')))
  })
  test(`${schema.name}: it takes a name, and can stand in shadow`, () => {
    for (const shadow of [true, false]) assert.ok(schema.settings.safeParse({ ...examples[0], name: 'second', shadow }).success)
  })
  test(`${schema.name}: the hooks it lists are the hooks it has`, () => checkHooks(one))
  test(`${schema.name}: compiling opens, waits for and starts nothing`, (context) => checkCompileIsPure(one, context))
  test(`${schema.name}: the README shows the settings as they are`, () => checkReadme(one))
}

/** The settings as the schema reads them. */
export function settingsOf<S>(schema: PolicySchema<S>, settings: Record<string, unknown>): S {
  return schema.settings.parse(settings)
}

/** The messages of everything wrong with the settings, those of `problems` too. */
export function problemsOf<S>(schema: PolicySchema<S>, settings: Record<string, unknown>): string[] {
  const parsed = schema.settings.safeParse(settings)
  if (!parsed.success) return parsed.error.issues.map((issue) => issue.message)
  return (schema.problems?.(parsed.data) ?? []).map((problem) => `${problem.path.join('.')}: ${problem.message}`)
}

function checkEmpty<S>({ schema, required }: ContractCase<S>): void {
  const problems = schema.settings.safeParse({})
  if (required === undefined) {
    assert.deepEqual(problemsOf(schema, {}), [])
    return
  }
  const issues = problems.error?.issues ?? []
  const missing = issues.length > 0 ? issues.map((issue) => issue.path.join('.')) : (schema.problems?.(problems.data as S) ?? []).map(({ path }) => path.join('.'))
  assert.ok(missing.includes(required), `"${required}" is not said to be missing, but ${JSON.stringify(missing)}`)
}

function compiledExamples<S>({ schema, module, examples }: ContractCase<S>): Policy[] {
  return examples.map((example) => module.compile(settingsOf(schema, example), partsFor(schema.name)))
}

const hookNames: readonly HookName[] = ['onRequest', 'onRequestBody', 'onAttempt', 'onUpstreamResponse', 'onResponse', 'onResponseBody', 'onDone']

function checkHooks<S>(one: ContractCase<S>): void {
  const policies = compiledExamples(one) as Partial<Record<HookName, unknown>>[]
  const implemented = hookNames.filter((hook) => policies.some((policy) => typeof policy[hook] === 'function'))
  assert.deepEqual(implemented, hookNames.filter((hook) => one.schema.hooks.includes(hook)))
}

function checkCompileIsPure<S>(one: ContractCase<S>, context: TestContext): void {
  const forbid = (): never => assert.fail('compile reached outside')
  for (const name of ['openSync', 'readFileSync', 'open', 'readFile'] as const) context.mock.method(fs, name, forbid)
  context.mock.method(net.Socket.prototype, 'connect', forbid)
  for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'fetch'] as const) context.mock.method(globalThis, name, forbid)
  syncBuiltinESMExports()
  try {
    for (const policy of compiledExamples(one)) assert.ok(!(policy instanceof Promise))
  } finally {
    context.mock.restoreAll()
    syncBuiltinESMExports()
  }
}

const tablePattern = /(<!-- settings -->)[^]*?(<!-- \/settings -->)/

function checkReadme<S>({ schema, from }: ContractCase<S>): void {
  const file = fileURLToPath(new URL('./README.md', from))
  const text = fs.readFileSync(file, 'utf8')
  assert.match(text, tablePattern, 'the README has no <!-- settings --> … <!-- /settings -->')
  const wanted = text.replace(tablePattern, (_, start: string, end: string) => `${start}\n${settingsTable(schema.settings)}\n${end}`)
  if (process.env['UPDATE_DOCS'] === '1') fs.writeFileSync(file, wanted)
  else assert.equal(text, wanted, 'the settings table is not the one of the schema; UPDATE_DOCS=1 writes it')
}
