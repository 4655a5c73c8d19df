/** `balancer: sticky-cookie`. Its settings stand in the upstream's `stickyCookie`. */
export const schema = { name: 'sticky-cookie' } as const
