import { wholeNumberBetween } from '../arguments.ts'
import { answer, pathOf, type AddCommand, type CommandContext } from '../command.ts'
import { Failure } from '../failure.ts'
import type { Restored } from '../backup/restore-backup.ts'

interface Options {
  readonly from?: string
  readonly at?: string
  readonly above?: number
  readonly keyFile?: string
  readonly dataDir?: string
  readonly check?: true
  readonly json?: true
}

/** `sluice restore`: puts a backup into empty stores, while nothing runs on them. */
export const addRestore: AddCommand = (program, context) => {
  program
    .command('restore')
    .description('put a backup into an empty store, which SLUICE_STORE and its variables name; nothing runs on it meanwhile')
    .option('--from <folder>', 'where the backups are kept')
    .option('--at <time>', 'as it was then: 2026-01-31T12:00:00Z [as it was last]')
    .option('--above <revision>', 'give the head a higher number than this: the highest that an edge still runs', wholeNumberBetween(0, 1_000_000_000))
    .option('--key-file <file>', 'what the backups were encrypted with')
    .option('--data-dir <dir>', 'the data directory of the embedded store, and where relative paths start [./.sluice]')
    .option('--check', 'only read the backups to their end')
    .option('--json', 'answer in JSON')
    .action((options: Options) => restore(context, options))
}

async function restore(context: CommandContext, options: Options): Promise<void> {
  if (options.from === undefined) throw new Failure('name the folder of the backups: --from FOLDER')
  const [{ chainFor, listBackups }, { readKey }, { restoreBackup, verifyChain }] = await Promise.all([import('../backup/backup-folder.ts'), import('../backup/backup-file.ts'), import('../backup/restore-backup.ts')])
  const atMs = instantOf(options.at)
  const key = options.keyFile === undefined ? undefined : await readKey(pathOf(context, options.keyFile))
  const backups = await listBackups(pathOf(context, options.from))
  const chain = chainFor(backups, atMs)
  const newest = backups.at(-1)!
  await verifyChain([...new Set([...chain, newest])], key)
  if (options.check === true) return answer(context, options.json, { files: chain.map(({ file }) => file) }, ({ files }) => `${files.length} files are whole: ${files.join(', ')}`)
  const { environment, err } = context.surroundings
  const dataDirectory = pathOf(context, options.dataDir ?? environment['SLUICE_DATA_DIR'] ?? '.sluice')
  const [{ openingSettingsOf, readSettings, sealingFrom, sealingIn, storeSettings }, { z }] = await Promise.all([import('@sluice/service-kit'), import('zod')])
  const settings = readSettings(z.object(storeSettings), environment)
  const sealingKey = environment['SLUICE_SEALING_KEY']
  const sealing = sealingKey ? sealingFrom(sealingKey, 'SLUICE_SEALING_KEY') : settings.store === 'embedded' ? sealingIn(dataDirectory) : undefined
  const restored = await restoreBackup({
    chain, newest, key, atMs, environment, sealing,
    above: options.above,
    store: settings.store,
    settings: openingSettingsOf(settings, dataDirectory),
    baseDirectory: dataDirectory,
    onWarning: (message) => err(`warning: ${message}\n`),
  })
  answer(context, options.json, restored, describe)
}

function instantOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const instant = Date.parse(text)
  if (!/^\d{4}-\d\d-\d\dT/.test(text) || Number.isNaN(instant)) throw new Failure(`--at ${text}: expected an instant such as 2026-01-31T12:00:00Z`)
  return instant
}

function describe({ revision, content, revisions, consumers, revocations, sessions, consumersOf }: Restored): string {
  return `revisions 1 to ${revisions} and ${consumers} consumers (as of ${consumersOf}) are restored, ${revocations} revoked tokens stay refused, ${sessions} ended sessions over; revision ${revision} has the content of ${content}`
}
