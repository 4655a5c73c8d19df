/** `balancer: ip-hash`. It has no settings. */
export const schema = { name: 'ip-hash' } as const
