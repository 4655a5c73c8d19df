import { logExporters } from '@sluice/log-exporters'
import type { LogExporter, LogExporterModule, LogExporterParts, Tender } from '@sluice/log-exporters/log-exporter'
import type { AccessLogSettings } from '@sluice/proto/config'
import { AccessRecords } from './access-record.ts'
import type { FinishedExchange } from './finished-exchange.ts'

const gatherBytes = 64 * 1024

/**
 * Gathers access records for an exporter; `telemetry.ts` calls `flush` about every 100 ms. Each line is written to a
 * buffer at once: kept as a string it would keep the dozens of pieces it is made of alive for the garbage collector.
 */
export class AccessLog {
  readonly exporter: LogExporter
  readonly #records = new AccessRecords()
  readonly #gathered = Buffer.allocUnsafeSlow(gatherBytes)
  #bytes = 0
  #count = 0

  constructor(exporter: LogExporter) {
    this.exporter = exporter
  }

  add(exchange: FinishedExchange): void {
    const line = this.#records.line(exchange)
    if (this.#bytes + line.length > gatherBytes) this.flush()
    if (line.length > gatherBytes) return this.exporter.write(line, 1)
    this.#bytes += this.#gathered.write(line, this.#bytes, 'latin1')
    this.#count++
  }

  flush(): void {
    if (this.#count === 0) return
    this.exporter.write(this.#gathered.toString('latin1', 0, this.#bytes), this.#count)
    this.#bytes = 0
    this.#count = 0
  }
}

/** The exporter that `telemetry.accessLog` asks for, in a worker; undefined when nothing is configured. */
export async function openAccessLog(settings: AccessLogSettings | undefined, parts: LogExporterParts): Promise<LogExporter | undefined> {
  const opened: LogExporter[] = []
  for (const { module, exporterSettings } of await chosenExporters(settings)) opened.push(module.createExporter(exporterSettings as never, parts))
  return opened.length < 2 ? opened[0] : toAll(opened)
}

/** What one process of a machine does for all workers' access log: rotation. For the host agent. */
export async function tendAccessLog(settings: AccessLogSettings | undefined, parts: LogExporterParts): Promise<Tender> {
  const tenders: Tender[] = []
  for (const { module, exporterSettings } of await chosenExporters(settings)) {
    const tender = module.tend?.(exporterSettings as never, parts)
    if (tender !== undefined) tenders.push(tender)
  }
  return { stop: async () => void (await Promise.all(tenders.map((tender) => tender.stop()))) }
}

interface Chosen {
  readonly module: LogExporterModule
  readonly exporterSettings: unknown
}

async function chosenExporters(settings: AccessLogSettings | undefined): Promise<Chosen[]> {
  if (settings === undefined) return []
  const { file, stdout, rotateMb, retentionDays } = settings
  const wanted: Record<string, object | undefined> = {
    file: file === undefined ? undefined : { file, rotateMb, retentionDays },
    stdout: stdout === true ? {} : undefined,
  }
  const entries = logExporters.filter((entry) => wanted[entry.name] !== undefined)
  return Promise.all(entries.map(async (entry) => ({ module: await entry.load(), exporterSettings: entry.settings.parse(wanted[entry.name]) })))
}

function toAll(exporters: readonly LogExporter[]): LogExporter {
  const sum = (name: 'written' | 'dropped') => exporters.reduce((total, exporter) => total + exporter.counts[name], 0)
  return {
    write: (lines, count) => exporters.forEach((exporter) => exporter.write(lines, count)),
    counts: {
      get written() {
        return sum('written')
      },
      get dropped() {
        return sum('dropped')
      },
    },
    flush: async () => void (await Promise.all(exporters.map((exporter) => exporter.flush()))),
    close: async () => void (await Promise.all(exporters.map((exporter) => exporter.close()))),
  }
}
