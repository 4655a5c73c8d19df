import type { Logger } from '@sluice/service-kit'

type Close = (remainingMs: number) => Promise<void> | void

/** What has been started, to be ended in the opposite order; all of it has one deadline together. */
export class Teardown {
  private readonly entries: { readonly name: string; readonly close: Close }[] = []

  add(name: string, close: Close): void {
    this.entries.push({ name, close })
  }

  /**
   * Ends everything, the last started first. `deadlineMs` is for all together; what comes late still gets
   * `leastMs`, so that stores are closed whatever the traffic took. A failure is logged and stops nothing.
   */
  async run(deadlineMs: number, leastMs: number, logger: Logger): Promise<void> {
    const deadline = performance.now() + deadlineMs
    for (const { name, close } of this.entries.splice(0).reverse()) {
      try {
        await close(Math.max(leastMs, deadline - performance.now()))
      } catch (error) {
        logger.error({ err: error, part: name }, 'could not be ended cleanly')
      }
    }
  }
}
