/**
 * W3C Trace Context (https://www.w3.org/TR/trace-context/, level 1 §3): `traceparent` read strictly, a new trace begun
 * when it is absent or bad, a span id of its own for each attempt. The shape is OpenTelemetry's `SpanContext`, so that
 * an exporter can take it as it is; nothing of OpenTelemetry is loaded for it.
 */
import type { SpanContext } from '@opentelemetry/api'
import { takeHexDigits } from './random-digits.ts'

export interface TraceContext extends SpanContext {
  /** 32 lower-case hex digits. */
  readonly traceId: string
  /** The gateway's own span, 16 digits. */
  readonly spanId: string
  /** Bit 0: the caller records this trace. */
  readonly traceFlags: number
  /** The caller's span; undefined when the trace begins here. */
  readonly parentSpanId: string | undefined
}

const noTrace = '0'.repeat(32)
const noSpan = '0'.repeat(16)
const dash = 0x2d

/**
 * The trace that a request belongs to: the caller's when `traceparent` is valid, else a new one that is not recorded.
 * When `parentSpanId` of the result is undefined, a `tracestate` that came along is to be dropped (§3.3).
 */
export function continueTrace(traceparent: string | undefined): TraceContext {
  if (traceparent === undefined || !isTraceparent(traceparent)) return { traceId: newTraceId(), spanId: newSpanId(), traceFlags: 0, parentSpanId: undefined }
  // Of the flags only those that version 0 knows are passed on (§3.2.3).
  const traceFlags = Number.parseInt(traceparent.slice(53, 55), 16) & 1
  return { traceId: traceparent.slice(3, 35), spanId: newSpanId(), traceFlags, parentSpanId: traceparent.slice(36, 52) }
}

/** `00-<32 hex>-<16 hex>-<2 hex>`. A later version may append fields; what is known of it is read as version 0 (§3.2.4). */
function isTraceparent(value: string): boolean {
  if (value.length < 55 || value.charCodeAt(2) !== dash || value.charCodeAt(35) !== dash || value.charCodeAt(52) !== dash) return false
  if (!isHex(value, 0, 2) || !isHex(value, 3, 35) || !isHex(value, 36, 52) || !isHex(value, 53, 55)) return false
  if (value.startsWith(noTrace, 3) || value.startsWith(noSpan, 36) || value.startsWith('ff')) return false
  return value.length === 55 || (!value.startsWith('00') && value.charCodeAt(55) === dash)
}

/** Lower case only, as the specification demands. */
function isHex(value: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const code = value.charCodeAt(i)
    if (!((code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66))) return false
  }
  return true
}

/** The `traceparent` to send upstream; each attempt gets a span id of its own. */
export function traceparentOf(trace: TraceContext, spanId: string = newSpanId()): string {
  return `00-${trace.traceId}-${spanId}-${(trace.traceFlags & 1) === 1 ? '01' : '00'}`
}

export function newTraceId(): string {
  return notZero(takeHexDigits(32), noTrace)
}

export function newSpanId(): string {
  return notZero(takeHexDigits(16), noSpan)
}

/** All zeros is no id; once in 2^64. */
function notZero(id: string, zeros: string): string {
  return id === zeros ? `${zeros.slice(1)}1` : id
}
