// Every file that a page under docs/ names has to be there: paths in backticks that begin with a folder of the
// repository, sources that are named by the end of their path (`router/router.ts`), and the targets of links. `<name>`,
// `*` and `{a,b}` stand for several and are looked up as far as they are plain.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const FOLDERS = ['proto', 'packages', 'extensions', 'services', 'cli', 'console', 'examples', 'e2e', 'loadtest', 'infra', 'docs', 'tools']
const isPath = new RegExp(`^(${FOLDERS.join('|')})/[^\\s]*$`)
const isSource = /^\w[\w./-]*\.(ts|proto)$/

/** One line for each path that is named and not there. */
export function checkDocsPaths(root: string): string[] {
  const pages = globSync('docs/**/*.md', { cwd: root }).map((path) => path.replaceAll('\\', '/')).sort()
  const sources = sourcesUnder(root)
  return pages.flatMap((page) => {
    const lines = readFileSync(join(root, page), 'utf8').split('\n')
    return lines.flatMap((line, index) => missingIn(root, page, line, sources).map((path) => `${page}:${index + 1}: there is no ${path}`))
  })
}

/** Each with a slash before it. */
function sourcesUnder(root: string): string[] {
  const found = globSync(`{${FOLDERS.join(',')}}/**/*.{ts,proto}`, { cwd: root, exclude: (path) => path.includes('node_modules') })
  return found.map((path) => `/${path.replaceAll('\\', '/')}`)
}

function missingIn(root: string, page: string, line: string, sources: readonly string[]): string[] {
  const named = [...line.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text)
  const paths = [...named.filter((text) => isPath.test(text)), ...linkTargets(page, line)]
  const ends = named.filter((text) => !isPath.test(text) && isSource.test(text))
  const missing = [...paths.filter((path) => !existsSync(join(root, plainPart(path)))), ...ends.filter((end) => !sources.some((source) => source.endsWith(`/${end}`)))]
  return [...new Set(missing)]
}

/** From the repository's root; addresses and anchors of the page itself are left out. */
function linkTargets(page: string, line: string): string[] {
  const targets = [...line.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target.replace(/#.*$/, ''))
  return targets.filter((target) => target !== '' && !/^[a-z]+:/.test(target)).map((target) => join(dirname(page), target))
}

/** The folder before the first part that stands for several. */
function plainPart(path: string): string {
  const parts = path.split('/')
  const open = parts.findIndex((part) => /[<*{]/.test(part))
  return open === -1 ? path : parts.slice(0, open).join('/')
}
