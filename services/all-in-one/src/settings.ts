import { hostname } from 'node:os'
import { flag, nameServers, wholeNumber } from '@sluice/service-kit'
import { z } from 'zod'

/** What the embedded mode reads from its environment: it wins over the config file, and loses to the command line. */
export const allInOneSettings = z.object({
  adminAddress: z.string().optional().describe('Instead of `admin.address`.'),
  adminToken: z.string().min(1).optional().describe('The admin token; none is made then.'),
  adminTokens: z.string().min(1).optional().describe('A file of further tokens of the admin API with their roles [`admin-tokens.json` in the data directory].'),
  metricsAddress: z.string().optional().describe('Instead of `telemetry.metrics.address`.'),
  allowPlaintext: flag.default(false).describe('Whether the admin API may be plain off loopback.'),
  edgeName: z.string().min(1).max(128).default(() => hostname()),
  zone: z.string().default(''),
  datacenter: z.string().default(''),
  shedLagMs: wholeNumber.default(500).describe('Event loop lag above which a worker refuses a part of the requests; 0: never.'),
  cacheMb: wholeNumber.default(64).describe('MiB of memory for kept responses, in all workers together; 0: none is kept.'),
  reusePort: flag.default(false).describe('Whether each worker opens the port for itself.'),
  dnsServers: nameServers.default([]).describe('Name servers asked for the names of endpoints; none: as this machine does.'),
  sealingKey: z.string().min(1).optional().describe('A file of the keys that values of references lie sealed with [`sealing-key` in the data directory].'),
  secretRefreshSeconds: wholeNumber.refine((seconds) => seconds >= 1, 'expected at least 1').default(60).describe('Between two looks at stores of secrets.'),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
})

export type AllInOneSettings = z.output<typeof allInOneSettings>
