export { createEdge } from './host-agent.ts'
export type { Edge, EdgeParts } from './edge.ts'
