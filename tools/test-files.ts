// Which test files there are, which of them run together in one process, and which servers the others need. What takes
// minutes stands in `*.long.ts` and runs only when asked for.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { ServerName } from '../packages/testkit/src/servers.ts'

export const REPOSITORY = join(import.meta.dirname, '..')

const PLACES = '{proto,packages,extensions,services,cli,console,examples,infra,loadtest,tools,e2e}/**/*'
// What talks to servers or starts processes gets a process of its own, so that it can hold up or end nothing else.
const APART = [/\.long\.ts$/, /^e2e\//, /\/test\//, /^extensions\/[^/]+\/(nats|redis|cassandra|postgres|etcd|cloud-map)\//]

export interface TestFiles {
  /** Run in one process, one after the other. */
  together: string[]
  /** Run in a process each, two at a time. */
  apart: string[]
}

/** Paths relative to `root`; with `filters` only those that contain one of them; the long ones, or all others. */
export function findTestFiles(root: string, filters: readonly string[] = [], { long = false } = {}): TestFiles {
  const isWanted = (path: string) => filters.length === 0 || filters.some((filter) => path.includes(filter))
  const all = globSync(`${PLACES}.${long ? 'long' : 'test'}.ts`, { cwd: root, exclude: (path) => path.includes('node_modules') })
  const paths = all.map((path) => path.replaceAll('\\', '/')).filter(isWanted).sort()
  const isApart = (path: string) => APART.some((pattern) => pattern.test(path))
  return { together: paths.filter((path) => !isApart(path)), apart: paths.filter(isApart) }
}

/** A filter as a user may type it: absolute, or with a leading `./`. */
export function normaliseFilter(root: string, filter: string): string {
  return (filter.startsWith('/') ? relative(root, filter) : filter).replace(/^\.\//, '')
}

/**
 * The servers to start for these files. NATS and Redis start at once and are always there; PostgreSQL and etcd take two
 * seconds and Cassandra ten, so they start when a file, or what it imports from beside it, speaks of them.
 */
export function serversFor(root: string, apart: readonly string[]): ServerName[] {
  if (apart.length === 0) return []
  const speaksOf = (name: ServerName) => {
    const seen = new Set<string>()
    const pattern = new RegExp(name, 'i')
    return apart.some((path) => pattern.test(path) || mentions(join(root, path), pattern, seen))
  }
  return ['nats', 'redis', ...(['postgres', 'etcd', 'cassandra'] as const).filter(speaksOf)]
}

function mentions(file: string, pattern: RegExp, seen: Set<string>): boolean {
  if (seen.has(file) || !existsSync(file)) return false
  seen.add(file)
  const text = readFileSync(file, 'utf8')
  if (pattern.test(text)) return true
  const imports = [...text.matchAll(/from '(\.[^']+\.ts)'/g)].map(([, path = '']) => join(dirname(file), path))
  return imports.some((path) => /\/(e2e|test)\//.test(path) && mentions(path, pattern, seen))
}
