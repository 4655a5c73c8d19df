import { setTimeout as sleep } from 'node:timers/promises'
import { addLocationOptions, locateAdmin, type LocationOptions } from '../admin-location.ts'
import { parseDuration } from '../arguments.ts'
import { answer, pathOf, type AddCommand, type CommandContext } from '../command.ts'
import { Failure, reportFailure } from '../failure.ts'
import type { BackupPlan, BackupTaken } from '../backup/take-backup.ts'

interface Options extends LocationOptions {
  readonly to?: string
  readonly full?: true
  readonly fullEvery: number
  readonly every?: number
  readonly keep?: number
  readonly keyFile?: string
  readonly json?: true
}

const daySeconds = 86_400
/** After a failure the next try comes this soon. */
const retrySeconds = 60

/** `sluice backup`: what control and auth keep, as a file in a folder; a full one each day, what came since in between. */
export const addBackup: AddCommand = (program, context) => {
  addLocationOptions(program.command('backup').description('back up revisions and consumers: a full one each day, otherwise what came since the one before'))
    .option('--to <folder>', 'where backups are kept; made when missing')
    .option('--full', 'a full one, whatever the time')
    .option('--full-every <duration>', 'how old the last full one may be: 12h, 7d', parseDuration, daySeconds)
    .option('--every <duration>', 'go on, with one each time: 15m, 1h', parseDuration)
    .option('--keep <duration>', 'remove what no point in time of so long needs: 30d', parseDuration)
    .option('--key-file <file>', 'encrypt with what this file holds: 32 bytes or more')
    .action((options: Options) => backUp(context, options))
}

async function backUp(context: CommandContext, options: Options): Promise<void> {
  if (options.to === undefined) throw new Failure('name the folder of the backups: --to FOLDER')
  const [{ takeBackup }, { readKey }] = await Promise.all([import('../backup/take-backup.ts'), import('../backup/backup-file.ts')])
  const plan: BackupPlan = {
    folder: pathOf(context, options.to),
    location: await locateAdmin(context, options),
    key: options.keyFile === undefined ? undefined : await readKey(pathOf(context, options.keyFile)),
    fullEverySeconds: options.full === true ? 0 : options.fullEvery,
    keepSeconds: options.keep,
  }
  const takeOne = async () => answer(context, options.json, await takeBackup(plan), describe)
  if (options.every === undefined) return takeOne()
  await repeat(takeOne, options.every, (error) => reportFailure(error, options.json === true, context.surroundings))
}

/** Until a signal. A failure is told, and tried again soon. */
async function repeat(work: () => Promise<void>, everySeconds: number, onFailure: (error: unknown) => void): Promise<void> {
  const ending = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => ending.abort())
  while (!ending.signal.aborted) {
    const pause = await work().then(() => everySeconds, (error: unknown) => {
      onFailure(error)
      return Math.min(retrySeconds, everySeconds)
    })
    await sleep(pause * 1000, undefined, { signal: ending.signal }).catch(() => {})
  }
}

function describe({ kind, file, revision, revisions, consumers, removed }: BackupTaken): string {
  const what = `${kind} backup up to revision ${revision}: ${revisions} revisions, ${consumers} consumers in ${file}`
  return removed.length === 0 ? what : `${what}; ${removed.length} old files removed`
}
