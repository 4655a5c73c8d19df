import type { LimiterRules, LimitOutcome } from '@sluice/edge/limit-simulation'
import { InvalidArgumentError, Option } from 'commander'
import { parseDuration, wholeNumberBetween } from '../arguments.ts'
import { answer, table, type AddCommand, type CommandContext } from '../command.ts'
import { Failure } from '../failure.ts'

interface Options {
  readonly algorithm: LimiterRules['algorithm']
  readonly limit: number
  readonly window: number
  readonly burst?: number
  readonly mode?: LimiterRules['mode']
  readonly edges: number
  readonly workers: number
  readonly rate: number
  readonly skew: number
  readonly duration: number
  readonly seed: number
  readonly json?: true
}

const algorithms: readonly LimiterRules['algorithm'][] = ['token-bucket', 'leaky-bucket', 'fixed-window', 'sliding-window', 'sliding-window-log']
const modes: readonly LimiterRules['mode'][] = ['exact', 'auto', 'leased', 'local']
const maxRequests = 20_000_000
const maxLogged = 10_000

/** `sluice simulate limits`: what a limit would admit of a stream of requests for one key. */
export const addSimulate: AddCommand = (program, context) => {
  program
    .command('simulate')
    .description('predict what a setting does')
    .command('limits')
    .description('predict what a limit admits too much and too little of one key\'s requests, and what it asks of the counters')
    .requiredOption('--limit <n>', 'requests a window', wholeNumberBetween(1, 1_000_000_000))
    .option('--window <duration>', 'length of the window: 1s, 60s, 1h', parseDuration, 60)
    .option('--burst <n>', 'size of a bucket, instead of the limit', wholeNumberBetween(1, 1_000_000_000))
    .addOption(new Option('--algorithm <name>').choices(algorithms).default('token-bucket'))
    .addOption(new Option('--mode <name>', 'one mode; left out: all of them').choices(modes))
    .option('--edges <n>', 'edges', wholeNumberBetween(1, 1000), 1)
    .option('--workers <n>', 'workers of each', wholeNumberBetween(1, 128), 1)
    .requiredOption('--rate <n>', 'requests a second, at all edges together', wholeNumberBetween(1, 1_000_000))
    .option('--skew <n>', 'the busiest worker gets 2^skew times what the second gets; 0: all get the same', parseSkew, 0)
    .option('--duration <duration>', 'how long the requests come', parseDuration, 60)
    .option('--seed <n>', 'another seed, other requests', wholeNumberBetween(0, 2 ** 32 - 1), 1)
    .option('--json', 'answer in JSON')
    .action((options: Options) => simulate(context, options))
}

async function simulate(context: CommandContext, options: Options): Promise<void> {
  check(options)
  const { simulateLimit } = await import('@sluice/edge/limit-simulation')
  const { edges, workers, rate, skew, duration, seed, mode } = options
  const traffic = { workers: edges * workers, ratePerSecond: rate, skew, seconds: duration, seed }
  const outcomes: { mode: string; outcome: LimitOutcome }[] = []
  for (const one of mode === undefined ? modes : [mode]) outcomes.push({ mode: one, outcome: await simulateLimit(rulesOf(options, one), traffic) })
  answer(context, options.json, outcomes.map(({ mode: name, outcome }) => ({ mode: name, ...outcome })), () => describe(outcomes))
}

function check({ rate, duration, burst, algorithm, limit }: Options): void {
  if (rate * duration > maxRequests) throw new Failure(`${rate} requests a second for ${duration} s are too many to go through one by one; expected at most ${maxRequests} in all: give a lower --rate or a shorter --duration`)
  if (burst !== undefined && !algorithm.endsWith('-bucket')) throw new Failure(`${algorithm} has no bucket; expected --burst only beside token-bucket and leaky-bucket`)
  if (algorithm === 'sliding-window-log' && limit > maxLogged) throw new Failure(`sliding-window-log keeps every request of a window; expected a --limit of ${maxLogged} at most`)
}

function rulesOf({ algorithm, limit, window, burst = limit }: Options, mode: LimiterRules['mode']): LimiterRules {
  return { counter: 'simulated', algorithm, limit, windowSeconds: window, burst, maxWaitMs: 1000, mode, failure: 'local' }
}

function describe(outcomes: readonly { mode: string; outcome: LimitOutcome }[]): string {
  const percent = (value: number) => `${value.toFixed(2)} %`
  const rows = outcomes.map(({ mode, outcome }) => [mode, String(outcome.requests), String(outcome.admitted), String(outcome.ideal), percent(outcome.overPercent), percent(outcome.underPercent), outcome.messagesPerRequest.toFixed(3)])
  return table([['MODE', 'REQUESTS', 'ADMITTED', 'ONE COUNT', 'OVER', 'UNDER', 'MESSAGES A REQUEST'], ...rows])
}

function parseSkew(text: string): number {
  const value = Number(text)
  if (!/^\d+(\.\d+)?$/.test(text) || value > 10) throw new InvalidArgumentError('expected a number from 0 to 10')
  return value
}
