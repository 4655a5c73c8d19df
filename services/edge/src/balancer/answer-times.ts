/**
 * How long an upstream's answers took lately, as shares of all: counts in steps of a quarter (so a time is known to
 * within 12 %), which are halved now and then, so that older answers fade. Kept only where a setting asks for it.
 */
const stepsPerDoubling = 3
const steps = 64
/** 1/16 ms, and with 64 steps of a third of a doubling up to about two minutes. */
const firstMs = 1 / 16
/** Answers after which all counts are halved: with twice as many known the last thousand weigh as much as all before. */
const halveAfter = 1000
/** With fewer nothing is said. */
const enough = 100
/** Answers until the shares are added up again. */
const refreshAfter = 64

export class AnswerTimes {
  private readonly counts = new Float64Array(steps)
  private total = 0
  private sinceHalved = 0
  private sinceRefreshed = refreshAfter
  private knownPercent = 0
  private knownMs: number | undefined

  /** Runs once an attempt; allocates nothing. */
  note(ms: number): void {
    const step = Math.min(steps - 1, Math.max(0, Math.floor(Math.log2(ms / firstMs) * stepsPerDoubling)))
    this.counts[step]!++
    this.total++
    this.sinceRefreshed++
    if (++this.sinceHalved < halveAfter) return
    for (let at = 0; at < steps; at++) this.counts[at]! /= 2
    this.total /= 2
    this.sinceHalved = 0
  }

  /** So many ms are enough for this share of the answers; undefined while too few are known. */
  percentile(percent: number): number | undefined {
    if (this.total < enough) return undefined
    if (this.sinceRefreshed < refreshAfter && percent === this.knownPercent) return this.knownMs
    this.sinceRefreshed = 0
    this.knownPercent = percent
    this.knownMs = this.find((this.total * percent) / 100)
    return this.knownMs
  }

  private find(wanted: number): number {
    let seen = 0
    let step = 0
    while (step < steps - 1 && (seen += this.counts[step]!) < wanted) step++
    return firstMs * 2 ** ((step + 1) / stepsPerDoubling)
  }
}
