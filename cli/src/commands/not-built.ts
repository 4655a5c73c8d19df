import { Failure } from '../failure.ts'
import type { AddCommand } from '../command.ts'

/** The names that the interface promises and that are not built yet, with what they will do. A row goes when its command comes. */
const promised: Readonly<Record<string, string>> = {
  routes: 'list routes with their traffic',
  explain: 'say why a request takes the route it takes',
  replay: 'run recorded requests against another configuration',
  logs: 'follow access records',
  top: 'show live traffic',
  import: 'translate another gateway\'s configuration',
  doctor: 'look for what is wrong with an installation',
}

/** A command for each promised name: says that it is not built yet, whatever its arguments are, and fails. */
export const addNotBuilt: AddCommand = (program) => {
  for (const [name, purpose] of Object.entries(promised)) {
    program
      .command(name)
      .description(`${purpose} (not built yet)`)
      .option('--json', 'answer in JSON')
      .argument('[arguments...]')
      .allowUnknownOption()
      .action(() => {
        throw new Failure(`"sluice ${name}" is not built yet`)
      })
  }
}
