/** `balancer: consistent-hash`. What is hashed is the upstream's setting `hashOn` [the client's address]. */
export const schema = { name: 'consistent-hash' } as const
