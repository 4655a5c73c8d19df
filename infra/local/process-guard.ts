import { spawn } from 'node:child_process'

/** Called when the processes have ended in the ordinary way, so that nothing is left to guard. */
export type Release = () => void

/**
 * Ends the process group `groupId` when this process ends, however it ends: an exit handler serves the
 * ordinary end; for SIGKILL a small shell waits on a pipe whose other end only this process holds.
 * `scratch`, a directory made for those processes, is removed then too.
 */
export function guardProcessGroup(groupId: number, scratch?: string): Release {
  const script = 'read -r _ && exit 0; kill -9 "-$1" 2>/dev/null; [ -z "$2" ] || { sleep 0.2; rm -rf -- "$2"; }'
  const watcher = spawn('/bin/sh', ['-c', script, 'guard', String(groupId), scratch ?? ''], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true, // a Ctrl-C in the terminal must not end the watcher before its work is done
  })
  watcher.on('error', () => {}) // no shell: the exit handler remains
  watcher.stdin.on('error', () => {})
  watcher.unref()
  ;(watcher.stdin as typeof watcher.stdin & { unref?(): void }).unref?.()
  const onExit = () => signalGroup(groupId, 'SIGKILL')
  process.once('exit', onExit)
  return () => {
    process.off('exit', onExit)
    watcher.stdin.end('done\n')
  }
}

/** Sends `signal` to each process of the group; false when none is left. */
export function signalGroup(groupId: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-groupId, signal)
  } catch {
    return false
  }
}
