import type { Clock } from '@sluice/service-kit'

/** A clock that stands still until a test moves it. */
export interface FakeClock extends Clock {
  /** Moves both readings on by `ms`. */
  advance(ms: number): void
  /** Moves only the wall clock, as a correction by NTP does; `ms` may be negative. */
  shiftWallClock(ms: number): void
}

/** A fake clock whose wall clock starts at `startMs` (epoch) and whose monotonic reading starts at 0. */
export function createFakeClock(startMs: number = Date.UTC(2026, 0, 1)): FakeClock {
  let wall = startMs
  let monotonic = 0
  return {
    now: () => wall,
    monotonic: () => monotonic,
    advance(ms) {
      if (ms < 0) throw new RangeError('time goes forward; use shiftWallClock for a correction')
      wall += ms
      monotonic += ms
    },
    shiftWallClock(ms) {
      wall += ms
    },
  }
}
