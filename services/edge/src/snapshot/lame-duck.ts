/** How long a load balancer in front is given to notice, when there is a health path to notice it by. */
const defaultLameDuckSeconds = 5

/** The longest wait that any listener asks for before a drain. */
export function lameDuckOf(listeners: unknown): number {
  const seconds = Object.values((listeners ?? {}) as Record<string, { healthPath?: unknown; delaySeconds?: unknown } | false>).map((listener) => {
    if (listener === false) return 0
    return typeof listener.delaySeconds === 'number' ? listener.delaySeconds : listener.healthPath === undefined ? 0 : defaultLameDuckSeconds
  })
  return Math.max(0, ...seconds) * 1000
}
