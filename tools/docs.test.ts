import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { catalogue as errors } from '../packages/errors/src/index.ts'
import { catalogue as policies } from '../extensions/policies/index.ts'
import { gatewayConfig } from '../proto/config/index.ts'
import { configReferencePage } from './docs/config-reference-page.ts'
import { errorsPage } from './docs/errors-page.ts'
import { importGraphPage, readWorkspaces, withoutImplied } from './docs/import-graph-page.ts'
import { policiesPage } from './docs/policies-page.ts'
import { stalePages } from './docs.ts'
import { tableRows } from './markdown-table.ts'
import { makeTree } from './test/make-tree.ts'
import { REPOSITORY } from './test-files.ts'

const firstCells = (page: string) => tableRows(page).map(({ cells: [first = ''] }) => first.replaceAll('`', ''))

test('the pages that are made from the code say what it says', () => {
  assert.deepEqual(stalePages(REPOSITORY).map(({ path }) => path), [], 'npm run docs writes them')
})

test('a page that is missing or was changed by hand is stale', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'sluice-docs-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const pages = ['same', 'changed', 'missing'].map((path) => ({ path, make: () => 'as made' }))
  writeFileSync(join(root, 'same'), 'as made')
  writeFileSync(join(root, 'changed'), 'as changed')
  assert.deepEqual(stalePages(root, pages).map(({ path }) => path), ['changed', 'missing'])
})

test('the page on errors has every code with its status, and says who looks', () => {
  const rows = tableRows(errorsPage())
  assert.deepEqual(rows.map(({ cells: [code = ''] }) => code.replaceAll('`', '')), Object.keys(errors))
  const refused = rows.find(({ cells: [code] }) => code === '`upstream.connect_refused`')
  assert.deepEqual(refused?.cells.slice(1), ['502', 'upstream', 'if_unsent', 'The upstream refused the connection', "the upstream's owner"])
})

test('the page on policies has them in running order, each with its settings', () => {
  const page = policiesPage(REPOSITORY)
  assert.deepEqual([...page.matchAll(/^## (.+)$/gm)].map(([, name]) => name), policies.map(({ name }) => name))
  assert.ok(firstCells(page).includes('windowSeconds'))
})

test('the reference of the configuration has every setting of the file, inner ones too', () => {
  const cells = firstCells(configReferencePage())
  for (const name of Object.keys(gatewayConfig.shape)) assert.ok(cells.includes(name), name)
  for (const name of ['healthPath', 'endpoints[].weight', 'match.pathPrefix', 'apiKey.hash', 'telemetry.accessLog.rotateMb', 'admin.address']) assert.ok(cells.includes(name), name)
})

test('an arrow of the import graph that follows from others is left out', () => {
  const workspaces = [{ folder: 'a', uses: ['b', 'c'] }, { folder: 'b', uses: ['c'] }, { folder: 'c', uses: [] }]
  assert.deepEqual(withoutImplied(workspaces).map(({ uses }) => uses), [['b'], ['c'], []])
})

test('the import graph knows packages by their folders and leaves out what is none of ours', (t) => {
  const root = makeTree(t, {
    'package.json': '{"workspaces":["proto","packages/*"]}',
    'proto/package.json': '{"name":"@x/proto","dependencies":{"zod":"1"}}',
    'packages/http/package.json': '{"name":"@x/http","dependencies":{"@x/proto":"1"}}',
  })
  assert.deepEqual(readWorkspaces(root), [{ folder: 'packages/http', uses: ['proto'] }, { folder: 'proto', uses: [] }])
  assert.match(importGraphPage(root), /^ {2}packages_http --> proto$/m)
})

test('the written pages end with one line break', () => {
  for (const name of ['errors', 'policies', 'config-reference', 'import-graph']) assert.match(readFileSync(join(REPOSITORY, `docs/${name}.md`), 'utf8'), /[^\n]\n$/)
})
