import type { LogExporter } from '@sluice/log-exporters/log-exporter'
import type { FinishedExchange } from '../finished-exchange.ts'

/** An ordinary exchange: a known consumer's GET, answered by an upstream. */
export function finished(overrides: Partial<FinishedExchange> = {}): FinishedExchange {
  return {
    startedAtMs: Date.UTC(2026, 0, 2, 3, 4, 5, 67),
    method: 'GET', path: '/api/users/42', template: '/api/users/{user_id}', status: 200,
    bytesIn: 0, bytesOut: 512, totalMs: 3.25, gatewayMs: 0.25, upstreamMs: 3,
    client: '192.0.2.7', requestId: '01KDZV7RM3AAAAAAAAAAAAAAAA', traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    consumer: 'acme', credential: 'k7f3', route: 'get-user', upstream: 'users', endpoint: 'http://127.0.0.1:9001',
    cache: undefined, limit: 'admitted', reason: undefined, refused: false, revision: 42,
    ...overrides,
  }
}

/** An exporter that keeps its lines. */
export class KeepingExporter implements LogExporter {
  readonly batches: string[] = []
  readonly counts = { written: 0, dropped: 0 }
  isClosed = false

  write(lines: string, count: number): void {
    this.batches.push(lines)
    this.counts.written += count
  }

  get lines(): string[] {
    return this.batches.join('').split('\n').slice(0, -1)
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {
    this.isClosed = true
  }
}
