/** `balancer: least-requests`. It has no settings. */
export const schema = { name: 'least-requests' } as const
