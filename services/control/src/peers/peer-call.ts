import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import type { Bus } from '@sluice/buses/bus'
import { call, type Call } from '@sluice/buses/rpc'
import { codeOf, type ErrorCode, SluiceError } from '@sluice/errors'

/** Which service is called, for the error when it is away. */
interface Peer {
  readonly name: string
  readonly unreachable: ErrorCode
}

export const peers = {
  auth: { name: 'auth', unreachable: 'dependency.auth_unreachable' },
  discovery: { name: 'discovery', unreachable: 'dependency.discovery_unreachable' },
  analytics: { name: 'analytics', unreachable: 'dependency.analytics_unreachable' },
  ratelimit: { name: 'ratelimit', unreachable: 'dependency.ratelimit_unreachable' },
} as const satisfies Record<string, Peer>

/** A store behind the peer may take 5 s before it gives up. */
const timeoutMs = 7000

/** Calls another service; when it cannot be reached, throws the peer's own code instead of the bus's. */
export async function callPeer<Q extends DescMessage, A extends DescMessage>(bus: Bus, peer: Peer, subject: string, types: Call<Q, A>, message: MessageInitShape<Q>): Promise<MessageShape<A>> {
  try {
    return await call(bus, subject, types, message, { timeoutMs })
  } catch (error) {
    if (!isUnreachable(codeOf(error))) throw error
    throw new SluiceError(peer.unreachable, { detail: `The ${peer.name} service does not answer (${codeOf(error)})`, cause: error })
  }
}

function isUnreachable(code: ErrorCode): boolean {
  return code === 'dependency.no_responder' || code === 'dependency.timeout' || code === 'dependency.bus_unreachable'
}
