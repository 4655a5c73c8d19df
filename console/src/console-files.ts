/**
 * The console as a browser takes it: one page, and the sources of `web/` with their types taken away, under a folder that
 * is named by the digest of them all. Imports between them are relative and stay as they are written; the library's name is
 * the only thing in them that is replaced. There is no build: docs/decisions/0067.
 */
import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { gzip } from 'node:zlib'

export interface ConsoleFile {
  readonly type: string
  readonly body: Buffer
  readonly gzipped: Buffer
}

export interface Console {
  /** Of everything in it. */
  readonly digest: string
  readonly page: ConsoleFile
  /** By path, such as `/console/<digest>/main.ts`: none of them ever changes. */
  readonly files: ReadonlyMap<string, ConsoleFile>
}

const web = join(import.meta.dirname, '../web')
const pageName = 'index.html'

/** What stands in `web/` besides the page, and the type that it is served as. */
const types: Readonly<Record<string, string>> = {
  '.ts': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** The library: what sources call it, and where it lies beside them. */
const library: Readonly<Record<string, string>> = {
  preact: 'library/preact.mjs',
  'preact/hooks': 'library/hooks.mjs',
}

const compress = promisify(gzip)

/** Reads and prepares everything, 0.3 s of CPU on a thread, and 160 kB that the caller keeps. */
export async function makeConsole(): Promise<Console> {
  const texts = await withoutTypes(readSources())
  const digest = digestOf(texts)
  const base = `/console/${digest}`
  const files = new Map<string, ConsoleFile>()
  for (const [name, text] of texts) if (name !== pageName) files.set(`${base}/${name}`, await fileOf(name, withLibrary(text, base)))
  return { digest, page: await fileOf(pageName, completePage(texts.get(pageName) ?? '', base, [...texts.keys()])), files }
}

/** By name, in the order of names. */
function readSources(): Map<string, string> {
  const names = globSync('**/*', { cwd: web }).map((name) => name.replaceAll('\\', '/')).filter((name) => name === pageName || (extname(name) in types && !name.endsWith('.test.ts'))).sort()
  const own = names.map((name): [string, string] => [name, readFileSync(join(web, name), 'utf8')])
  const libraries = Object.entries(library).map(([specifier, name]): [string, string] => [name, readFileSync(fileURLToPath(import.meta.resolve(specifier)), 'utf8').replace(/^\/\/# sourceMappingURL=.*$/m, '')])
  return new Map([...own, ...libraries])
}

async function withoutTypes(sources: ReadonlyMap<string, string>): Promise<Map<string, string>> {
  const names = [...sources.keys()].filter((name) => name.endsWith('.ts'))
  const stripped = await stripTypes(names.map((name) => sources.get(name)!))
  const texts = new Map([...sources, ...names.map((name, index): [string, string] => [name, stripped[index]!])])
  // What held types only is nobody's import any more.
  for (const name of names) if (!/^(import|export) /m.test(texts.get(name)!)) texts.delete(name)
  return texts
}

function stripTypes(sources: readonly string[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./strip-types.worker.ts', import.meta.url), { workerData: sources, execArgv: ['--disable-warning=ExperimentalWarning'] })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`the thread that prepares the console ended with ${code}`)))
  })
}

function digestOf(texts: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256')
  for (const [name, text] of texts) hash.update(`${name}\0${text}\0`)
  return hash.digest('hex').slice(0, 16)
}

/** Browsers know no package names, and an import map would be an inline script. */
function withLibrary(text: string, base: string): string {
  return text.replaceAll(/\bfrom\s*(["'])(preact(?:\/hooks)?)\1/g, (_whole, quote: string, specifier: string) => `from${quote}${base}/${library[specifier]}${quote}`)
}

/** All modules are asked for at once, not one after the other as each names the next. */
function completePage(text: string, base: string, names: readonly string[]): string {
  const modules = names.filter((name) => types[extname(name)]?.startsWith('text/javascript'))
  const preloads = modules.map((name) => `<link rel="modulepreload" href="${base}/${name}">`).join('\n')
  return text.replaceAll('{{base}}', base).replace('{{preloads}}', preloads)
}

async function fileOf(name: string, text: string): Promise<ConsoleFile> {
  const body = Buffer.from(text)
  return { type: types[extname(name)] ?? 'text/html; charset=utf-8', body, gzipped: await compress(body) }
}
