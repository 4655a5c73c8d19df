import { resolve } from 'node:path'
import type { Tender } from '@sluice/log-exporters/log-exporter'
import { accessLog } from '@sluice/proto/config'
import { oncePerMinute, type Logger } from '@sluice/service-kit'
import { tendAccessLog } from './access-log.ts'

/** Rotates the workers' access log for all of them, by the settings of the newest revision. */
export class AccessLogTender {
  private readonly baseDirectory: string
  private readonly warn: (problem: string) => void
  private settings = ''
  private tender: Promise<Tender> | undefined

  constructor(baseDirectory: string, logger: Logger) {
    this.baseDirectory = baseDirectory
    this.warn = oncePerMinute((problem, times) => logger.warn({ problem, times }, 'the access log cannot be rotated'))
  }

  /** Takes a revision's `telemetry`; anything wrong in it is the workers' to refuse. */
  follow(telemetry: unknown): void {
    const wanted = (telemetry as { accessLog?: unknown } | undefined)?.accessLog
    const settings = JSON.stringify(wanted ?? null)
    if (settings === this.settings) return
    this.settings = settings
    const parsed = accessLog.safeParse(wanted)
    const before = this.tender
    this.tender = undefined
    void before?.then((tender) => tender.stop())
    if (!parsed.success) return
    const { file } = parsed.data
    const resolved = file === undefined ? parsed.data : { ...parsed.data, file: resolve(this.baseDirectory, file) }
    this.tender = tendAccessLog(resolved, { onError: (error) => this.warn(String(error)) })
  }

  async stop(): Promise<void> {
    await (await this.tender)?.stop()
  }
}
