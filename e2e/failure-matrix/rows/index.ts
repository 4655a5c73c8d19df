import type { Row } from '../row.ts'
import { busRows } from './bus.ts'
import { clockRows } from './clocks.ts'
import { controlRows } from './control.ts'
import { counterRows } from './counters.ts'
import { discoveryRows } from './discovery.ts'
import { edgeRows } from './edges.ts'
import { identityRows } from './identity.ts'
import { networkRows } from './network.ts'
import { restartRows } from './restarts.ts'
import { storeRows } from './store.ts'

/** Every row, in the order in which they run and are shown. */
export const rows: readonly Row[] = [...controlRows, ...storeRows, ...busRows, ...networkRows, ...edgeRows, ...counterRows, ...identityRows, ...discoveryRows, ...clockRows, ...restartRows]
