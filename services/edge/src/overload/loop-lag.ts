/** Calls `onSample` each `everyMs` with the milliseconds by which that was too late, 0 at least; answers how to stop. */
export function watchLoopLag(everyMs: number, onSample: (lagMs: number) => void): () => void {
  let dueAt = performance.now() + everyMs
  const timer = setInterval(() => {
    const now = performance.now()
    onSample(Math.max(0, now - dueAt))
    dueAt = now + everyMs
  }, everyMs).unref()
  return () => clearInterval(timer)
}
