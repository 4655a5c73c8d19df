/** The phases whose time is measured, by the names of their folders; `FinishedExchange.phases` is in this order. */
export const phaseNames = ['parser', 'client', 'router', 'policy-chain', 'cache', 'balancer', 'upstream', 'responder'] as const

export type PhaseName = (typeof phaseNames)[number]
