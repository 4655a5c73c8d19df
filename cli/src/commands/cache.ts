import type { Command } from 'commander'
import { callAdmin } from '../admin-client.ts'
import { addLocationOptions, locateAdmin, type LocationOptions } from '../admin-location.ts'
import { answer, type AddCommand, type CommandContext } from '../command.ts'
import { Failure } from '../failure.ts'

interface Options extends LocationOptions {
  readonly json?: true
  readonly url: readonly string[]
  readonly prefix: readonly string[]
  readonly tag: readonly string[]
  readonly everything?: true
}

interface Receipt {
  readonly edges: { readonly acknowledged: number; readonly expected: number; readonly missing: readonly string[] }
  readonly propagationMs?: number
}

/** `sluice cache purge`: responses that the edges keep are to be answered with no more. */
export const addCache: AddCommand = (program, context) => {
  const cache = program.command('cache').description('responses that the edges keep')
  const purge = addLocationOptions(cache.command('purge').description('have responses forgotten on every edge'))
  addMany(purge, '--url <url>', 'of this URL, whatever the scheme; several times for several')
  addMany(purge, '--prefix <url>', 'of all URLs that begin so')
  addMany(purge, '--tag <tag>', 'with this tag')
  purge.option('--everything', 'all of them').action((options: Options) => purgeResponses(context, options))
}

function addMany(command: Command, flags: string, description: string): void {
  command.option(flags, description, (value: string, before: readonly string[]) => [...before, value], [])
}

async function purgeResponses(context: CommandContext, { url, prefix, tag, everything, ...options }: Options): Promise<void> {
  if (url.length + prefix.length + tag.length === 0 && everything === undefined) throw new Failure('say what: --url, --prefix, --tag, or --everything')
  const location = await locateAdmin(context, options)
  const { body } = await callAdmin<Receipt>(location, '/v1/cache/purge', { method: 'POST', query: { wait: 'all' }, body: { urls: url, prefixes: prefix, tags: tag, everything: everything === true } })
  const { acknowledged, expected, missing } = body.edges
  if (missing.length > 0) throw new Failure(`purged on ${acknowledged} of ${expected} edges; not confirmed by ${missing.join(', ')}`)
  answer(context, options.json, body, ({ propagationMs = 0 }) => `purged on ${acknowledged} of ${expected} edges in ${propagationMs} ms`)
}
