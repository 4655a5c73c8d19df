import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { discoverySources } from '@sluice/discovery-sources'
import { readConfigText } from './config-text.ts'
import { validateConfig } from './index.ts'
import { policySchemas } from './policy-catalogue.ts'
import { formatProblem, oneOf } from './problem.ts'

const files: Readonly<Record<string, string>> = { 'notes.txt': 'buy milk', 'keys-without-alg.json': '{"keys":[{"kty":"oct","k":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]}' }

const parts = {
  baseDirectory: '/etc/sluice',
  environment: { BAD_URL: 'ftp://hunter2.example.com', BAD_ORIGIN: 'hunter2' },
  async readFile(path: string): Promise<string> {
    const content = files[path.replace('/etc/sluice/', '')]
    if (content === undefined) throw Object.assign(new Error('not there'), { code: 'ENOENT' })
    return content
  },
}

/** Lists that grow with each policy and source; how they are told is a matter of these tests, what is in them is not. */
const lists: Readonly<Record<string, readonly string[]>> = {
  '{policies}': [...policySchemas.keys()],
  '{identity policies}': [...policySchemas.values()].filter(({ identity }) => identity === true).map(({ name }) => name),
  '{sources}': discoverySources.map(({ name }) => name).filter((name) => name !== 'static'),
}

for (const { title, document, expected } of readPairs('./config-problems.txt')) {
  test(title, async () => assert.deepEqual(await problemsIn(document), expected))
}

for (const { title, document, expected } of readPairs('./config-warnings.txt')) {
  test(title, async () => assert.deepEqual(await warningsIn(document), expected))
}

test('a good configuration has no problem, and keeps references out of sight of its revision\'s readers', async () => {
  const document = 'version: 1\nupstreams: { u: { endpoints: [ { url: "env:GOOD_URL" } ] } }\nconsumers: [ { name: acme } ]\nadmin: { address: ":9" }\n'
  const found = await validateConfig(readConfigText(document, 'f').value, { ...parts, environment: { GOOD_URL: 'http://127.0.0.1:1' } })
  assert.deepEqual(found.problems, [])
  assert.deepEqual(found.revision, { version: 1, upstreams: { u: { endpoints: [{ url: 'env:GOOD_URL' }] } }, secrets: { 'env:GOOD_URL': 'http://127.0.0.1:1' } })
  assert.deepEqual(found.consumers, [{ name: 'acme' }])
})

test('a value from before stays while its source cannot be read, and that is said', async () => {
  const document = { version: 1, upstreams: { u: { endpoints: [{ url: 'env:GONE' }] } } }
  const found = await validateConfig(document, { ...parts, lastValues: { 'env:GONE': 'http://127.0.0.1:1' } })
  assert.deepEqual(found.revision?.secrets, { 'env:GONE': 'http://127.0.0.1:1' })
  assert.match(found.warnings.map((warning) => warning.message).join(), /"env:GONE" cannot be read now/)
})

test('a configuration nested without end is a problem, not a crash', async () => {
  const deep = JSON.parse(`${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`) as unknown
  const found = await validateConfig({ version: 1, policies: [{ cors: deep }] }, parts)
  assert.match(found.problems[0]?.message ?? '', /nested too deeply/)
})

test('ten thousand problems are counted, not all told', async () => {
  const routes = Array.from({ length: 10_000 }, (_, index) => ({ name: `r${index}`, match: { path: `/${index}` }, upstream: 'nowhere' }))
  const found = await validateConfig({ version: 1, routes }, parts)
  assert.equal(found.problems.length, 1001)
  assert.equal(found.problems.at(-1)?.message, '9000 more problems are not shown')
})

async function problemsIn(document: string): Promise<string[]> {
  const text = readConfigText(document, 'f')
  const { problems } = await validateConfig(text.value, parts)
  const located = problems.map((problem) => ({ problem, at: text.locate(problem.path, problem.onKey) }))
  located.sort((a, b) => a.at.line - b.at.line || a.at.column - b.at.column)
  return located.map(({ problem, at }) => formatProblem(problem, at))
}

async function warningsIn(document: string): Promise<string[]> {
  const text = readConfigText(document, 'f')
  const { problems, warnings } = await validateConfig(text.value, parts)
  assert.deepEqual(problems, [])
  return warnings.map((warning) => formatProblem(warning, text.locate(warning.path)))
}

/** Pairs of text: `## title`, the document, `--`, one line for each finding. */
function readPairs(file: string): { title: string; document: string; expected: string[] }[] {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8')
  return text.split(/^## /m).slice(1).map((block) => {
    const [title = '', ...lines] = block.split('\n')
    const end = lines.indexOf('--')
    return { title, document: `${lines.slice(0, end).join('\n')}\n`, expected: lines.slice(end + 1).filter((line) => line !== '').map(withLists) }
  })
}

function withLists(line: string): string {
  return Object.entries(lists).reduce((text, [mark, names]) => text.replace(mark, oneOf(names, 30)), line)
}
