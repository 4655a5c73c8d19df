import { upstream, withReferencesResolved, type Upstream } from '@sluice/proto/config'
import { z } from 'zod'

const relevant = z.object({ upstreams: z.record(z.string(), upstream).default({}) })

/**
 * The upstreams of a revision's document, references resolved. The rest of it is not looked at, so that a revision with
 * settings of a newer version elsewhere is still followed. Throws when it is no such document.
 */
export function upstreamsOf(document: Uint8Array): Record<string, Upstream> {
  const { upstreams, secrets } = JSON.parse(new TextDecoder().decode(document)) as { upstreams?: unknown; secrets?: Record<string, string> }
  return relevant.parse(withReferencesResolved({ upstreams }, secrets ?? {})).upstreams
}
