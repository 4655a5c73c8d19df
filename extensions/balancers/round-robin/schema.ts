/** `balancer: round-robin`, the default. It has no settings. */
export const schema = { name: 'round-robin' } as const
