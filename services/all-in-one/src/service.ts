/** The embedded mode: the six services in one process tree. It holds no logic of its own; it hands each what it needs. */
export { createAllInOne } from './all-in-one.ts'
export type { AllInOne, AllInOneParts, ServedAddresses } from './all-in-one.ts'
export { runAllInOne } from './run.ts'
export type { RunOptions } from './run.ts'
