/**
 * Connections on their way to a worker that ends before it has taken them. The parent accepts and hands them round
 * (`node:cluster`, round robin) and keeps each until its worker has said whether it takes it; of a worker that is gone that word
 * never comes, and the client would wait for ever. Here it is said in the worker's stead: not taken, so that
 * another one gets the connection, or, when there is nobody else, taken, upon which the parent lets go and the client sees the end.
 *
 * These messages are Node's own between parent and worker (`lib/internal/cluster/`), no documented interface: where they look
 * different, nothing is recognised and everything is as without this.
 */
import type { Worker } from 'node:cluster'

interface ClusterMessage {
  readonly cmd?: string
  readonly act?: string
  readonly seq?: number
  readonly ack?: number
}

/** `othersServe`: whether there is a worker besides this one that connections can go to. */
export function giveBackLostConnections(worker: Worker, othersServe: () => boolean): void {
  const child = worker.process
  const pending = new Set<number>()
  const send = child.send.bind(child) as (...all: unknown[]) => boolean
  child.send = (...all: unknown[]) => {
    const { cmd, act, seq } = all[0] as ClusterMessage
    if (cmd === 'NODE_CLUSTER' && act === 'newconn' && seq !== undefined) pending.add(seq)
    return send(...all)
  }
  child.on('internalMessage', ({ cmd, ack }: ClusterMessage) => {
    if (cmd === 'NODE_CLUSTER' && ack !== undefined) pending.delete(ack)
  })
  const giveBack = (): void => {
    // Until its channel has ended something it said may still be read, and it may be handed connections.
    if (worker.isConnected()) return
    for (const ack of [...pending]) child.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack, accepted: !othersServe() })
  }
  // Whichever comes last; of a channel that ended amid a message the first never comes.
  worker.once('disconnect', giveBack)
  worker.once('exit', giveBack)
}
