/** `balancer: latency`. It has no settings. */
export const schema = { name: 'latency' } as const
