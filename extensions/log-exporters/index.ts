import type { LogExporterEntry } from './log-exporter.ts'
import { schema as file } from './file/schema.ts'
import { schema as stdout } from './stdout/schema.ts'

/** Every log exporter, by the name that `telemetry.accessLog` uses. */
export const logExporters: readonly LogExporterEntry[] = [
  { ...file, load: () => import('./file/file.ts') },
  { ...stdout, load: () => import('./stdout/stdout.ts') },
]
