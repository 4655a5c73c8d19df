import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pageHead, table } from './page-text.ts'

interface Workspace {
  /** Its folder, from the repository's root. */
  readonly folder: string
  /** Folders of the workspaces that it depends on, sorted. */
  readonly uses: readonly string[]
}

const layers = [
  ['commands', /^(cli|e2e)$/],
  ['services', /^services\//],
  ['extensions', /^extensions\//],
  ['browser', /^console$/],
  ['packages', /^packages\//],
  ['contract', /^proto$/],
] as const

const introduction = `Who may import whom, as the packages declare it; \`npm run check\` holds the imports to it (the rules and their reasons are in
\`.dependency-cruiser.cjs\`). An arrow that follows from others is left out of the drawing and stands in the table. Services do
not import each other: \`services/all-in-one\` starts them, the bus connects them.`

/** docs/import-graph.md: the workspaces and what each depends on. */
export function importGraphPage(root: string): string {
  const workspaces = readWorkspaces(root)
  const rows = workspaces.map(({ folder, uses }) => [`\`${folder}\``, uses.map((used) => `\`${used}\``).join(', ')])
  const drawing = ['```mermaid', 'flowchart TD', ...layers.flatMap(([layer, pattern]) => subgraph(layer, workspaces.filter(({ folder }) => pattern.test(folder)))), ...arrows(workspaces), '```']
  return [...pageHead('Import graph', 'the package.json files'), introduction, '', ...drawing, '', ...table(['package', 'uses'], rows), ''].join('\n')
}

/** The workspaces of the repository, by folder. */
export function readWorkspaces(root: string): Workspace[] {
  const { workspaces } = readJson(join(root, 'package.json')) as { workspaces: string[] }
  const folders = globSync(workspaces.map((pattern) => `${pattern}/package.json`), { cwd: root }).map((path) => dirname(path.replaceAll('\\', '/'))).sort()
  const manifests = folders.map((folder) => ({ folder, ...(readJson(join(root, folder, 'package.json')) as { name: string; dependencies?: Record<string, string> }) }))
  const folderByName = new Map(manifests.map(({ name, folder }) => [name, folder]))
  return manifests.map(({ folder, dependencies = {} }) => ({ folder, uses: Object.keys(dependencies).flatMap((name) => folderByName.get(name) ?? []).sort() }))
}

/** What follows from other arrows says nothing new: with a → b → c, a → c is left out. */
export function withoutImplied(workspaces: readonly Workspace[]): Workspace[] {
  const usesByFolder = new Map(workspaces.map(({ folder, uses }) => [folder, uses]))
  const reachable = (folder: string): string[] => (usesByFolder.get(folder) ?? []).flatMap((used) => [used, ...reachable(used)])
  return workspaces.map(({ folder, uses }) => {
    const implied = new Set(uses.flatMap(reachable))
    return { folder, uses: uses.filter((used) => !implied.has(used)) }
  })
}

function subgraph(layer: string, workspaces: readonly Workspace[]): string[] {
  return [`  subgraph ${layer}`, ...workspaces.map(({ folder }) => `    ${idOf(folder)}[${folder.slice(folder.indexOf('/') + 1)}]`), '  end']
}

function arrows(workspaces: readonly Workspace[]): string[] {
  return withoutImplied(workspaces).flatMap(({ folder, uses }) => uses.map((used) => `  ${idOf(folder)} --> ${idOf(used)}`))
}

function idOf(folder: string): string {
  return folder.replaceAll(/[^a-z]/g, '_')
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'))
}
