import { unlink } from 'node:fs/promises'
import { connect, type AddressInfo, type ListenOptions, type Server } from 'node:net'
import { listenProblem, parseAddress } from '@sluice/service-kit'

/** Connections that the system keeps until they are accepted. */
const backlog = 4096

export interface ListenPlace {
  readonly address: string
  /** Where the address was set, for the message when it is taken. */
  readonly addressSetting: string
  /** Whether each worker opens the port for itself. */
  readonly reusePort: boolean
}

/**
 * Opens the address and resolves with its port, 0 for a Unix socket. The file of a Unix socket that a process left behind
 * when it was killed is taken away; one that somebody listens at is not. With `reusePort` others of this user may open the
 * same port, and the system spreads connections over them (SO_REUSEPORT, socket(7)). Rejects with one line that names the
 * address and `setting`.
 */
export async function listenAt(server: Server, { address, addressSetting, reusePort }: ListenPlace): Promise<number> {
  const target = { ...parseAddress(address), backlog, reusePort: reusePort && !address.startsWith('unix:') }
  try {
    try {
      return await open(server, target)
    } catch (error) {
      if (!(await removeAbandoned(error, address))) throw error
      return await open(server, target)
    }
  } catch (error) {
    throw new Error(listenProblem(error, address, addressSetting), { cause: error })
  }
}

function open(server: Server, target: ListenOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(target, () => {
      server.off('error', reject)
      const bound = server.address() as AddressInfo | string | null
      resolve(typeof bound === 'object' && bound !== null ? bound.port : 0)
    })
  })
}

async function removeAbandoned(error: unknown, address: string): Promise<boolean> {
  const target = parseAddress(address)
  if (!('path' in target) || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || (await isAnswered(target.path))) return false
  await unlink(target.path)
  return true
}

/** Whether somebody listens there, or something else stands there than a socket. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'))
  })
}
