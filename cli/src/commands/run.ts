import { existsSync } from 'node:fs'
import { wholeNumberBetween } from '../arguments.ts'
import { pathOf, type AddCommand, type CommandContext } from '../command.ts'
import { Failure } from '../failure.ts'

interface RunOptions {
  readonly config?: string
  readonly workers?: number
  readonly dataDir?: string
  readonly drainSeconds: number
}

const defaultConfig = 'gateway.yaml'

/** `sluice run`: the embedded mode, until a signal. */
export const addRun: AddCommand = (program, context) => {
  program
    .command('run')
    .description('run the whole gateway in one process tree; the config file is read again when it is saved')
    .option('-c, --config <file>', `config file, or a folder of them [./${defaultConfig}]`)
    .option('--workers <n>', 'edge workers [cores - 1, at least 1]', wholeNumberBetween(1, 256))
    .option('--data-dir <dir>', 'where state is kept [.sluice/ beside the config file]')
    .option('--drain-seconds <n>', 'how long running exchanges may take after SIGTERM', wholeNumberBetween(0, 3600), 30)
    .action(async (options: RunOptions) => {
      const { runAllInOne } = await import('@sluice/all-in-one')
      const configFile = configOf(context, options)
      await runAllInOne({
        configFile,
        ...(options.workers !== undefined && { workers: options.workers }),
        ...(options.dataDir !== undefined && { dataDirectory: pathOf(context, options.dataDir) }),
        drainSeconds: options.drainSeconds,
        environment: context.surroundings.environment,
      })
    })
}

/** A named file that is missing is a problem; the default one may be, then the gateway starts from what its store holds. */
function configOf(context: CommandContext, options: RunOptions): string | undefined {
  const path = pathOf(context, options.config ?? defaultConfig)
  if (existsSync(path)) return path
  if (options.config === undefined) return undefined
  throw new Failure(`-c ${options.config}: there is no such file`)
}
