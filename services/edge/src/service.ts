export { createEdge } from './host-agent.ts'
export type { Edge, EdgeParts } from './host-agent.ts'
