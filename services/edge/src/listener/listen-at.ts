import { unlink } from 'node:fs/promises'
import { connect, type AddressInfo, type Server } from 'node:net'
import { listenProblem, parseAddress } from '@sluice/service-kit'

/** Connections that the system keeps until they are accepted. */
const backlog = 4096

/**
 * Opens the address and resolves with its port, 0 for a Unix socket. The file of a Unix socket that a process left behind
 * when it was killed is taken away; one that somebody listens at is not. Rejects with one line that names the address and
 * `setting`.
 */
export async function listenAt(server: Server, address: string, setting: string): Promise<number> {
  try {
    try {
      return await open(server, address)
    } catch (error) {
      if (!(await removeAbandoned(error, address))) throw error
      return await open(server, address)
    }
  } catch (error) {
    throw new Error(listenProblem(error, address, setting), { cause: error })
  }
}

function open(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...parseAddress(address), backlog }, () => {
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
