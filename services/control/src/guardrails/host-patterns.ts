/** Whether all hosts that `name` stands for `pattern` does, too: the same one, or a wildcard above it. */
export function covers(pattern: string, name: string): boolean {
  return pattern === name || (pattern.startsWith('*.') && name.endsWith(pattern.slice(1)))
}

/** A host of a route without its port, in lower case. */
export function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, '')
}
