import type { MetricsRegistry } from '@sluice/service-kit'
import type { CertificateTable } from './certificate-table.ts'
import type { Http2Flood } from './http2/flood-watch.ts'
import type { HandshakeErrorReason } from './tls-server.ts'

/** What a worker counts of its encrypted connections. */
export interface TlsMetrics {
  readonly onHandshakeError: (reason: HandshakeErrorReason) => void
  readonly onFlood: (kind: Http2Flood) => void
}

/** `certificates`: those in force when the metrics are gathered. `now` is Unix time in ms. */
export function createTlsMetrics(metrics: MetricsRegistry, certificates: () => CertificateTable | undefined, now: () => number): TlsMetrics {
  const handshakeErrors = metrics.counter('sluice_tls_handshake_errors_total', 'TLS handshakes that came to nothing, by why.', ['reason'])
  const floods = metrics.counter('sluice_http2_floods_total', 'HTTP/2 connections that were cut off for too much of something, by what.', ['kind'])
  const expiry = metrics.gauge('sluice_certificate_expiry_seconds', 'Time until a certificate of listeners.https expires, by its first name; negative when it has.', ['name'], 'min')
  metrics.onCollect(() => {
    expiry.clear()
    for (const { name, endsAtMs } of certificates()?.ends ?? []) {
      const cell = expiry.with(name)
      const seconds = (endsAtMs - now()) / 1000
      cell.set(cell.value === 0 ? seconds : Math.min(cell.value, seconds))
    }
  })
  return {
    onHandshakeError: (reason) => handshakeErrors.with(reason).add(1),
    onFlood: (kind) => floods.with(kind).add(1),
  }
}
