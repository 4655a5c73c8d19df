import type { CheckedFile } from '@sluice/control/validation'
import type { OfflineTrial } from '@sluice/edge/offline-self-tests'
import { answer, exitCodes, type AddCommand, type CommandContext } from '../command.ts'

interface Options {
  readonly config?: string
  readonly overlay?: readonly string[]
  readonly json?: true
}

/** `sluice check`: every problem of a config file at once, each with its place, and what its self-tests find. Needs no running gateway. */
export const addCheck: AddCommand = (program, context) => {
  program
    .command('check')
    .description('check a config file, or a folder of them, and try its self-tests; tells every problem at once')
    .option('-c, --config <file>', 'what to check [./gateway.yaml]')
    .option('--overlay <file...>', 'laid over it: a file, or a folder of them')
    .option('--json', 'answer in JSON')
    .action((options: Options) => checkConfig(context, options))
}

async function checkConfig(context: CommandContext, options: Options): Promise<void> {
  const [{ checkConfigFile }, { configPath }] = await Promise.all([import('@sluice/control/validation'), import('../config-source.ts')])
  const path = configPath(context, options.config)
  const found = await checkConfigFile(path, { environment: context.surroundings.environment }, (options.overlay ?? []).map((one) => configPath(context, one)))
  const trial = await trySelfTests(found)
  // What an alias repeats is one problem, in one place.
  const [problems, warnings] = [[...new Set([...found.problems, ...trial.problems])], [...new Set(found.warnings)]]
  if (problems.length > 0) context.finish(exitCodes.problems)
  const { passed, unfinished } = trial
  if (options.json === true) return answer(context, true, { valid: problems.length === 0, problems, warnings, selfTests: { passed, unfinished } }, () => '')
  for (const problem of problems) context.surroundings.err(`${problem}\n`)
  for (const warning of warnings) context.surroundings.err(`warning: ${warning}\n`)
  if (unfinished.length > 0) context.surroundings.err(`self-tests that only a gateway, which knows credentials, can try to their end: ${unfinished.join(', ')}\n`)
  if (problems.length > 0) return context.surroundings.err(`${path} has ${counted(problems.length, 'problem')}\n`)
  const notes = [...(warnings.length === 0 ? [] : [counted(warnings.length, 'warning')]), ...(passed === 0 ? [] : [`${counted(passed, 'self-test')} answered as expected`])]
  context.surroundings.out(`${path} is valid${notes.length === 0 ? '' : `, with ${notes.join(' and ')}`}\n`)
}

interface Trial {
  readonly problems: readonly string[]
  readonly passed: number
  readonly unfinished: OfflineTrial['unfinished']
}

/** The self-tests of a configuration that is valid otherwise, as far as nobody has to be asked. */
async function trySelfTests({ file, validation }: CheckedFile): Promise<Trial> {
  const tests = validation?.revision?.selfTests ?? []
  if (tests.length === 0) return { problems: [], passed: 0, unfinished: [] }
  const [{ trySelfTestsOffline }, { formatProblem }] = await Promise.all([import('@sluice/edge/offline-self-tests'), import('@sluice/control/validation')])
  const { failed, unfinished, refusal } = await trySelfTestsOffline(validation!.revision!)
  if (refusal !== undefined) return { problems: [formatProblem({ message: `an edge would refuse this: ${refusal}` }, file.locate([]))], passed: 0, unfinished: [] }
  const problems = failed.map(({ index, message }) => formatProblem({ message }, file.locate(['selfTests', index])))
  return { problems, passed: tests.length - failed.length - unfinished.length, unfinished }
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
