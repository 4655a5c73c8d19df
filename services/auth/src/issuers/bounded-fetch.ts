import type { CustomFetch } from 'openid-client'
import { readBounded } from './bounded-body.ts'

const maxBytes = 65_536

/** `fetch` that reads no more of an answer than an issuer has to say. */
export const boundedFetch: CustomFetch = async (url, options) => {
  const response = await fetch(url, options as RequestInit)
  const { status, headers } = response
  return new Response(hasBody(status) ? await readBounded(response, maxBytes) : null, { status, headers })
}

/** RFC 9110 §6.4.1: these have none, and `Response` takes none for them. */
function hasBody(status: number): boolean {
  return status !== 204 && status !== 205 && status !== 304
}
