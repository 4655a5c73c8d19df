/** One bus for a process and its workers: `attachRelay` in the parent, `createRelayedBus` in the worker. */
export { ipcChannel } from './ipc-channel.ts'
export type { IpcEnd } from './ipc-channel.ts'
export type { ParentMessage, RelayChannel, RelayMessage, WorkerMessage } from './relay-messages.ts'
export { attachRelay } from './relay-parent.ts'
export type { Relay } from './relay-parent.ts'
export { createRelayedBus } from './relayed-bus.ts'
