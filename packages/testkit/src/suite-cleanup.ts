import { after } from 'node:test'
import type { Cleanup } from './child-process.ts'

/** What `before` made for a whole suite, or a whole file, is cleared up at its end: the last first. Called where the suite's hooks stand. */
export function suiteCleanup(): Cleanup {
  const cleanups: (() => void | Promise<void>)[] = []
  after(async () => {
    for (const clearUp of cleanups.reverse()) await clearUp()
  })
  return { after: (clearUp) => void cleanups.push(clearUp) }
}
