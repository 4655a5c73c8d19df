import { version } from '@sluice/service-kit/version'
import { Command, CommanderError } from 'commander'
import { exitCodes, type AddCommand, type CommandContext } from './command.ts'
import { addAdminToken } from './commands/admin-token.ts'
import { addApply } from './commands/apply.ts'
import { addBus } from './commands/bus.ts'
import { addBreakGlass } from './commands/break-glass.ts'
import { addBackup } from './commands/backup.ts'
import { addCache } from './commands/cache.ts'
import { addCertificates } from './commands/certificates.ts'
import { addCheck } from './commands/check.ts'
import { addCircuits } from './commands/circuits.ts'
import { addConsumers } from './commands/consumers.ts'
import { addDiff } from './commands/diff.ts'
import { addExport } from './commands/export.ts'
import { addKeys } from './commands/keys.ts'
import { addNotBuilt } from './commands/not-built.ts'
import { addRestore } from './commands/restore.ts'
import { addRevoke } from './commands/revoke.ts'
import { addRevisions } from './commands/revisions.ts'
import { addRollback } from './commands/rollback.ts'
import { addRun } from './commands/run.ts'
import { addService } from './commands/service.ts'
import { addSimulate } from './commands/simulate.ts'
import { addStatus } from './commands/status.ts'
import { addToken } from './commands/token.ts'
import { reportFailure } from './failure.ts'
import type { Surroundings } from './surroundings.ts'

const commands: readonly AddCommand[] = [
  addRun, addService, addCheck, addDiff, addApply, addExport, addStatus, addRevisions, addRollback, addConsumers, addKeys, addRevoke, addCache, addCircuits, addBreakGlass, addCertificates, addToken, addAdminToken, addBus, addBackup, addRestore, addSimulate, addNotBuilt,
]

/** Runs one command line (without the program's own name) to its end; answers its exit code. Never rejects. */
export async function runCommandLine(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  let exitCode: number = exitCodes.fine
  const context: CommandContext = { surroundings, finish: (code) => void (exitCode = code) }
  try {
    await createProgram(context).parseAsync([...argv], { from: 'user' })
    return exitCode
  } catch (error) {
    // What commander refuses, and the help it was asked for, it has printed by itself.
    if (error instanceof CommanderError) return error.exitCode
    reportFailure(error, argv.includes('--json'), surroundings)
    return exitCodes.problems
  }
}

function createProgram(context: CommandContext): Command {
  const { out, err } = context.surroundings
  const program = new Command('sluice')
    .description('Sluice, a distributed API gateway')
    .version(version, '-V, --version')
    .exitOverride()
    .configureOutput({ writeOut: out, writeErr: err })
    .showHelpAfterError('(sluice --help lists what there is)')
  for (const add of commands) add(program, context)
  for (const command of descendants(program)) command.copyInheritedSettings(program)
  return program
}

function descendants(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...descendants(child)])
}
