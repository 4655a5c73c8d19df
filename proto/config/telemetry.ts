import { z } from 'zod'
import { listenAddress } from './strings.ts'

export const accessLog = z
  .strictObject({
    file: z.string().min(1).optional().describe('Where the lines go; relative to the config file.'),
    stdout: z.boolean().optional().describe('Write the lines to stdout.'),
    rotateMb: z.number().min(1).max(100_000).default(100).describe('Size at which the file is rotated, in MB.'),
    retentionDays: z.int().min(1).max(3650).default(30).describe('Rotated files older than this are removed.'),
  })
  .refine((value) => value.file !== undefined || value.stdout === true, 'needs "file" or "stdout: true"')

export const telemetry = z.strictObject({
  metrics: z.strictObject({ address: listenAddress.default('127.0.0.1:9100').describe('Metrics and health of the embedded mode; a change needs a restart.') }).prefault({}),
  accessLog: accessLog.optional().describe('One line for each exchange; none when left out.'),
})

export const admin = z.strictObject({ address: listenAddress.default('127.0.0.1:8001').describe('Where the admin API listens.') })

export type AccessLogSettings = z.output<typeof accessLog>
export type Telemetry = z.output<typeof telemetry>
