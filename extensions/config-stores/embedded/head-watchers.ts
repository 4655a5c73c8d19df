import type { RevisionRecord } from '../config-store.ts'

type OnHead = (head: RevisionRecord) => void

/** Those who watch a store's heads, by scope. */
export class HeadWatchers {
  readonly #byScope = new Map<string, Set<OnHead>>()

  /** Calls `onHead` with `standing`, if there is one, and with all that is told from now on, until the answer is called. */
  add(scope: string, onHead: OnHead, standing: RevisionRecord | undefined): () => void {
    const watchers = this.#byScope.get(scope) ?? new Set()
    // A wrapper of its own, so that one function may watch twice and stop once.
    const watcher: OnHead = (head) => onHead(head)
    this.#byScope.set(scope, watchers.add(watcher))
    if (standing) tellOne(watchers, watcher, standing)
    return () => {
      watchers.delete(watcher)
      if (watchers.size === 0 && this.#byScope.get(scope) === watchers) this.#byScope.delete(scope)
    }
  }

  /**
   * Tells all watchers of the head's scope, each in a microtask of its own: a watcher that throws is the process's
   * uncaught exception, not a failure of the commit that is being told.
   */
  tell(head: RevisionRecord): void {
    const watchers = this.#byScope.get(head.scope)
    if (watchers === undefined) return
    for (const watcher of watchers) tellOne(watchers, watcher, head)
  }

  clear(): void {
    for (const watchers of this.#byScope.values()) watchers.clear()
    this.#byScope.clear()
  }
}

function tellOne(watchers: ReadonlySet<OnHead>, watcher: OnHead, head: RevisionRecord): void {
  queueMicrotask(() => {
    if (watchers.has(watcher)) watcher(head)
  })
}
