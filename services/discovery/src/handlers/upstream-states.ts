import { SluiceError } from '@sluice/errors'
import type { UpstreamState, UpstreamStatesRequest } from '@sluice/proto/messages/discovery'
import { encodeState, maxStateBytes } from '../endpoints/upstream-state.ts'
import type { UpstreamSet } from '../endpoints/upstream-set.ts'

/** The state of one upstream, or of all, as many as one message holds; `next` says where to go on. */
export function answerUpstreamStates(upstreams: UpstreamSet, scope: string, request: UpstreamStatesRequest): { states: UpstreamState[]; next: string } {
  if (request.scope !== scope) throw new SluiceError('client.bad_request', { detail: `The question is of another scope than ${scope}` })
  const names = request.upstream === '' ? upstreams.names().filter((name) => name > request.after) : [request.upstream]
  const states: UpstreamState[] = []
  let bytes = 0
  for (const name of names) {
    const state = upstreams.state(name)
    if (state === undefined) continue
    const encoded = encodeState(state)
    bytes += encoded.bytes.length + 8
    if (bytes > maxStateBytes && states.length > 0) return { states, next: states.at(-1)!.upstream }
    states.push(encoded.message)
  }
  return { states, next: '' }
}
