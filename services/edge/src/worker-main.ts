/** A worker's process: started by the host agent, told everything over IPC, gone when the host agent is. */
import { createLogger } from '@sluice/service-kit'
import { EdgeWorker } from './edge-worker.ts'
import { readMessage, sendMessage, type FromWorker, type ToWorker } from './workers/messages.ts'

const logger = createLogger('edge-worker')
const tell = (message: FromWorker): void => sendMessage(process as never, message)
const end = (error: Error): never => {
  logger.fatal({ err: error }, 'a worker ends: its state cannot be trusted any more')
  process.exit(70)
}
const worker = new EdgeWorker({ logger, tell, onDrained: () => process.exit(0), onBroken: end })

process.on('message', (raw) => {
  const message = readMessage<ToWorker>(raw)
  if (message !== undefined) worker.onMessage(message)
})
// Ctrl-C reaches the whole process group; the host agent decides what it means.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => tell({ kind: 'replace-me' }))
// Without its parent a worker would go on with a configuration that nobody can change.
process.on('disconnect', () => process.exit(0))
process.on('uncaughtException', end)
tell({ kind: 'started' })
