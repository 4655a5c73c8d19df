// A thread of its own: control goes on answering meanwhile, and Node's warning that the function is experimental stays out of control's log.
import { stripTypeScriptTypes } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'

parentPort?.postMessage((workerData as readonly string[]).map((source) => stripTypeScriptTypes(source)))
