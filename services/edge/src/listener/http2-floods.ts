/** What a client's HTTP/2 connection is cut off for, as nghttp2 and `node:http2` tell of it. */

export type Http2Flood = 'resets' | 'pings' | 'settings' | 'empty_frames' | 'continuations'

/** NGHTTP2_ERR_FLOODED: more answers to PING or SETTINGS wait to be sent than nghttp2 keeps. */
const answersPiledUp = -904
/** NGHTTP2_ERR_TOO_MANY_CONTINUATIONS (CVE-2024-28182) */
const endlessHeaders = -905

/** The flood that an error of a session stands for; undefined: it is no flood. `lastAnswered`: of what came last. */
export function floodIn(error: unknown, lastAnswered: 'pings' | 'settings'): Http2Flood | undefined {
  const { code, errno } = (error ?? {}) as NodeJS.ErrnoException
  if (code === 'ERR_HTTP2_TOO_MANY_INVALID_FRAMES') return 'empty_frames'
  if (errno === answersPiledUp) return lastAnswered
  return errno === endlessHeaders ? 'continuations' : undefined
}
