// Every path that a page under docs/ names has to be there: those in backticks that begin with a folder of the
// repository, and the targets of links. `<name>`, `*` and `{a,b}` stand for several and are looked up as far as they are
// plain.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const FOLDERS = ['proto', 'packages', 'extensions', 'services', 'cli', 'console', 'examples', 'e2e', 'loadtest', 'infra', 'docs', 'tools']
const isOurs = new RegExp(`^(${FOLDERS.join('|')})/[^\\s]*$`)

/** One line for each path that is named and not there. */
export function checkDocsPaths(root: string): string[] {
  const pages = globSync('docs/**/*.md', { cwd: root }).map((path) => path.replaceAll('\\', '/')).sort()
  return pages.flatMap((page) => {
    const lines = readFileSync(join(root, page), 'utf8').split('\n')
    return lines.flatMap((line, index) => missingIn(root, page, line).map((path) => `${page}:${index + 1}: there is no ${path}`))
  })
}

function missingIn(root: string, page: string, line: string): string[] {
  return [...new Set([...pathsInBackticks(line), ...linkTargets(page, line)])].filter((path) => !existsSync(join(root, plainPart(path))))
}

function pathsInBackticks(line: string): string[] {
  return [...line.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text.replace(/:\d+$/, '')).filter((text) => isOurs.test(text))
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
