/** The deadline of a gRPC call as its client states it: `grpc-timeout`, at most eight digits and a unit (gRPC over HTTP/2, "Requests"). */
const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

const maxDigits = 99_999_999

/** In milliseconds; undefined when there is none, or it cannot be read. */
export function readGrpcTimeout(value: string | undefined): number | undefined {
  const found = value === undefined ? null : /^(\d{1,8})([HMSmun])$/.exec(value)
  return found === null ? undefined : Number(found[1]) * unitMs[found[2]!]!
}

/** What is left, for whoever is called next: never nothing, which would stand for no deadline with some. */
export function grpcTimeoutText(ms: number): string {
  if (ms <= maxDigits) return `${Math.max(1, Math.floor(ms))}m`
  return ms / 1000 <= maxDigits ? `${Math.floor(ms / 1000)}S` : `${Math.min(maxDigits, Math.floor(ms / 3_600_000))}H`
}
