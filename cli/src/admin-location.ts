// Where the admin API is and which token opens it. `SLUICE_ADMIN_URL` and `SLUICE_ADMIN_TOKEN` win; otherwise the
// address stands in the config file and the token in the data directory beside it, as `sluice run` left them.
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { dataDirectoryFor } from '@sluice/all-in-one/data-directory'
import { parseAddress, urlOf } from '@sluice/service-kit/address'
import { plaintextProblems } from '@sluice/service-kit/plaintext'
import type { Command } from 'commander'
import { pathOf, type CommandContext } from './command.ts'
import { Failure } from './failure.ts'

export interface AdminLocation {
  /** `http://…`, `https://…` or `unix:PATH`. */
  readonly url: string
  readonly token: string
  /** Where the token came from, for messages. */
  readonly tokenSource: string
}

export interface LocationOptions {
  readonly config?: string
  readonly dataDir?: string
}

const defaultConfig = 'gateway.yaml'
const defaultAddress = '127.0.0.1:8001'

/** The options by which every command that talks to the admin API finds it. */
export function addLocationOptions(command: Command, config = 'the config file of the running gateway, to find its admin API'): Command {
  return command
    .option('-c, --config <file>', `${config} [./${defaultConfig}]`)
    .option('--data-dir <dir>', 'where the running gateway keeps its admin token [.sluice/ beside the config file]')
    .option('--json', 'answer in JSON')
}

/** Throws a `Failure` when no token is to be found, or when it would travel in clear off this machine. */
export async function locateAdmin(context: CommandContext, options: LocationOptions): Promise<AdminLocation> {
  const { environment } = context.surroundings
  const config = pathOf(context, options.config ?? defaultConfig)
  const url = environment['SLUICE_ADMIN_URL'] || urlOf(parseAddress(await adminAddress(config)))
  checkUrl(url, environment)
  if (environment['SLUICE_ADMIN_TOKEN']) return { url, token: environment['SLUICE_ADMIN_TOKEN'], tokenSource: 'SLUICE_ADMIN_TOKEN' }
  const directory = options.dataDir === undefined ? dataDirectoryFor(config) : pathOf(context, options.dataDir)
  const file = join(directory, 'admin-token')
  return { url, token: await readToken(file, url), tokenSource: file }
}

function checkUrl(url: string, environment: Readonly<NodeJS.ProcessEnv>): void {
  if (url.startsWith('unix:')) return
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new Failure(`SLUICE_ADMIN_URL is no URL of an admin API; expected one such as http://${defaultAddress} or unix:PATH`)
  }
  const allowed = ['1', 'true', 'yes'].includes(environment['SLUICE_ALLOW_PLAINTEXT'] ?? '')
  const [problem] = plaintextProblems([{ setting: 'SLUICE_ADMIN_URL', url }], allowed)
  if (problem !== undefined) throw new Failure(problem)
}

async function readToken(file: string, url: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    const reason = code === 'ENOENT' ? 'is not there' : `cannot be read (${code})`
    const advice = 'start the gateway with "sluice run", name its config file with -c or its data directory with --data-dir, or set SLUICE_ADMIN_TOKEN'
    throw new Failure(`no token for the admin API at ${url}: ${file} ${reason}; ${advice}`, { cause })
  }
}

/** `admin.address` of the config. A file that cannot be read gives the default: it is not this command's subject. */
async function adminAddress(config: string): Promise<string> {
  const { parse } = await import('yaml')
  for (const file of await filesOf(config)) {
    try {
      const document = parse(await readFile(file, 'utf8')) as { admin?: { address?: unknown } } | null
      const address = document?.admin?.address
      if (typeof address === 'string') return parseAddress(address) && address
    } catch {
      continue
    }
  }
  return defaultAddress
}

async function filesOf(config: string): Promise<string[]> {
  const found = await stat(config).catch(() => undefined)
  if (found === undefined) return []
  if (!found.isDirectory()) return [config]
  return (await readdir(config)).filter((name) => /\.(ya?ml|json)$/.test(name)).sort().map((name) => join(config, name))
}
