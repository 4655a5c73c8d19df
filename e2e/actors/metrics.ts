// Reads Prometheus' text format, as far as tests need it.
import assert from 'node:assert/strict'
import { fetchOnce } from '@sluice/testkit'

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export async function readMetrics(metricsUrl: string): Promise<Sample[]> {
  const { status, headers, body } = await fetchOnce(`${metricsUrl}/metrics`)
  assert.equal(status, 200)
  assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/)
  return body.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map(readLine)
}

function readLine(line: string): Sample {
  const [, name = '', , labels = '', value = ''] = /^([a-zA-Z_:][\w:]*)(\{(.*)\})? (\S+)$/.exec(line) ?? assert.fail(`no sample: ${line}`)
  return { name, labels: Object.fromEntries([...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text])), value: value === '+Inf' ? Infinity : Number(value) }
}

/** The sum of the samples of that name that have these labels. */
export function sum(samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  const fitting = samples.filter((sample) => sample.name === name && Object.entries(labels).every(([key, text]) => sample.labels[key] === text))
  return fitting.reduce((total, { value }) => total + value, 0)
}
