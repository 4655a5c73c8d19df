/** Whether `address`, a URL, would be asked over plain HTTP by way of other machines. */
export function isPlainFromAfar(address: string): boolean {
  const { protocol, hostname } = new URL(address)
  return protocol !== 'https:' && hostname !== 'localhost' && hostname !== '[::1]' && !/^127\.\d+\.\d+\.\d+$/.test(hostname)
}
