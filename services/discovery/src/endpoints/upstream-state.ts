import { create, toBinary } from '@bufbuild/protobuf'
import { EndpointHealth, UpstreamStateSchema, type Endpoint, type UpstreamState } from '@sluice/proto/messages/discovery'

type PlainEndpoint = Omit<Endpoint, '$typeName' | '$unknown'>

export interface PlainUpstreamState extends Omit<UpstreamState, '$typeName' | '$unknown' | 'endpoints'> {
  readonly endpoints: PlainEndpoint[]
}

export interface EncodedState {
  readonly message: UpstreamState
  readonly bytes: Uint8Array
  /** Endpoints that had no room. */
  readonly leftOut: number
}

/** Of the 1 MB that the bus carries; the rest is for what stands around it. */
export const maxStateBytes = 1_000_000

/**
 * The state as a message that the bus carries. Of a very large upstream first what only people read is left out (tags,
 * reasons), then healthy endpoints from the end: an edge that knows them from its configuration takes them to be healthy.
 */
export function encodeState(state: PlainUpstreamState): EncodedState {
  const whole = encode(state, 0)
  if (whole.bytes.length <= maxStateBytes) return whole
  const bare = { ...state, endpoints: unhealthyFirst(state.endpoints).map((endpoint) => ({ ...endpoint, tags: [], version: '', datacenter: '', reason: '' })) }
  let result = encode(bare, 0)
  for (let kept = bare.endpoints.length; result.bytes.length > maxStateBytes; result = encode({ ...bare, endpoints: bare.endpoints.slice(0, kept) }, bare.endpoints.length - kept)) {
    kept = Math.floor(kept * Math.min(0.99, maxStateBytes / result.bytes.length))
  }
  return result
}

function encode(state: PlainUpstreamState, leftOut: number): EncodedState {
  const message = create(UpstreamStateSchema, state)
  return { message, bytes: toBinary(UpstreamStateSchema, message), leftOut }
}

function unhealthyFirst(endpoints: readonly PlainEndpoint[]): PlainEndpoint[] {
  const isHealthy = ({ health }: PlainEndpoint) => health === EndpointHealth.HEALTHY
  return [...endpoints.filter((endpoint) => !isHealthy(endpoint)), ...endpoints.filter(isHealthy)]
}
