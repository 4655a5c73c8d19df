/**
 * Trailer fields come when everything has been decided (RFC 9110 §6.5): they are passed on beside the head's fields,
 * never among them, and those that frame, route, authenticate or control a message are dropped, since somebody further
 * on may put them among the head's fields all the same.
 */
const dropped = new Set([
  'age', 'authorization', 'cache-control', 'connection', 'content-disposition', 'content-encoding', 'content-length',
  'content-location', 'content-range', 'content-security-policy', 'content-type', 'cookie', 'date', 'expect', 'expires', 'forwarded', 'host', 'keep-alive', 'location',
  'max-forwards', 'origin', 'pragma', 'range', 'referer', 'retry-after', 'set-cookie', 'te', 'trailer', 'traceparent', 'tracestate',
  'transfer-encoding', 'upgrade', 'vary', 'via', 'warning', 'www-authenticate', 'x-api-key', 'x-real-ip', 'x-request-id',
])
const droppedPrefixes = ['access-control-', 'if-', 'proxy-', 'sec-', 'x-consumer', 'x-credential', 'x-forwarded-', 'x-http-method', 'x-ratelimit']

/** Those of the trailer fields (flat `[name, value, …]`) that may be passed on. */
export function passableTrailers(flat: readonly string[]): string[] {
  const kept: string[] = []
  for (let at = 0; at < flat.length; at += 2) {
    const name = flat[at]!.toLowerCase()
    if (!dropped.has(name) && !droppedPrefixes.some((prefix) => name.startsWith(prefix))) kept.push(flat[at]!, flat[at + 1]!)
  }
  return kept
}
