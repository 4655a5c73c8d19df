import { Argument } from 'commander'
import type { AddCommand } from '../command.ts'

const mains: Readonly<Record<string, () => Promise<{ main: () => Promise<void> }>>> = {
  edge: () => import('@sluice/edge/main'),
  auth: () => import('@sluice/auth/main'),
  ratelimit: () => import('@sluice/ratelimit/main'),
  discovery: () => import('@sluice/discovery/main'),
  analytics: () => import('@sluice/analytics/main'),
  control: () => import('@sluice/control/main'),
}

/** The services that `sluice service` starts. */
export const serviceNames: readonly string[] = Object.keys(mains)

/** `sluice service NAME`: one service of the distributed mode, until a signal. */
export const addService: AddCommand = (program) => {
  program
    .command('service')
    .description('run one service of the distributed mode; its settings are SLUICE_* variables')
    .addArgument(new Argument('<name>', 'which').choices(serviceNames))
    .action(async (name: string) => {
      const { main } = await mains[name]!()
      await main()
    })
}
