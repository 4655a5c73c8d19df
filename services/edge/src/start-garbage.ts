/** What a start leaves behind: compiling code and reading a configuration leave as much garbage as minutes of traffic. */
import { setFlagsFromString } from 'node:v8'

/** Looking through more holds a start up for longer than it saves. */
const maxHeapBytes = 128 * 1024 * 1024

/**
 * To be called once a process has started and before what it does matters: collects that garbage, which V8 would look for in
 * the middle of the first traffic, and from now on lets no helper threads look for what is young: the cores they would be waited for
 * belong to other processes. Blocks for 20 to 60 ms of CPU. Collects nothing in a process that was not started with
 * `--expose-gc`, as `cli/bin/sluice` starts all.
 */
export function collectStartGarbage(): void {
  setFlagsFromString('--no-parallel-scavenge')
  if (process.memoryUsage().heapUsed < maxHeapBytes) globalThis.gc?.()
}
