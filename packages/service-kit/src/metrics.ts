/**
 * Counters, gauges and histograms in the Prometheus model. A metric's cell for one set of label values is fetched
 * once and kept by its user; adding to it is a plain number addition, so that the hot path pays nothing for names.
 * A registry's snapshot is plain data: workers send theirs to the parent, which adds them up.
 */
export class Cell {
  value = 0

  add(amount: number): void {
    this.value += amount
  }

  set(value: number): void {
    this.value = value
  }
}

export class HistogramCell {
  readonly bounds: readonly number[]
  /** One more than `bounds`: the last is +Inf. */
  readonly counts: Float64Array
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    const { bounds } = this
    let index = 0
    while (index < bounds.length && value > bounds[index]!) index++
    this.counts[index]!++
    this.sum += value
  }
}

export interface Family<C> {
  /** The cell of these label values, in the order of the family's label names; made when new. */
  with(...values: string[]): C
  /** Forgets every cell, for gauges that are filled anew at each scrape. */
  clear(): void
}

export type MetricKind = 'counter' | 'gauge' | 'histogram'

export interface MetricSnapshot {
  readonly name: string
  readonly help: string
  readonly kind: MetricKind
  readonly labels: readonly string[]
  readonly bounds: readonly number[]
  /** How workers' values become one: gauges such as a revision take the lowest. */
  readonly merge: 'sum' | 'min' | 'max'
  readonly series: { values: readonly string[]; value: number; counts: readonly number[]; sum: number }[]
}

/** Label sets of one metric beyond this fall into one series whose values are all `other`. */
const maxSeries = 5000

interface Definition {
  readonly name: string
  readonly help: string
  readonly kind: MetricKind
  readonly labels: readonly string[]
  readonly bounds: readonly number[]
  readonly merge: 'sum' | 'min' | 'max'
}

class CellFamily<C extends Cell | HistogramCell> implements Family<C> {
  readonly definition: Definition
  readonly cells = new Map<string, { values: readonly string[]; cell: C }>()
  private readonly make: () => C

  constructor(definition: Definition, make: () => C) {
    this.definition = definition
    this.make = make
  }

  with(...values: string[]): C {
    const key = values.join('\u0000')
    const known = this.cells.get(key)
    if (known !== undefined) return known.cell
    if (this.cells.size >= maxSeries && values.some((value) => value !== 'other')) return this.with(...values.map(() => 'other'))
    const cell = this.make()
    this.cells.set(key, { values, cell })
    return cell
  }

  clear(): void {
    this.cells.clear()
  }
}

export class MetricsRegistry {
  private readonly families: CellFamily<Cell | HistogramCell>[] = []
  private readonly collectors: (() => void)[] = []

  counter(name: string, help: string, labels: readonly string[] = []): Family<Cell> {
    return this.add({ name, help, kind: 'counter', labels, bounds: [], merge: 'sum' }, () => new Cell())
  }

  gauge(name: string, help: string, labels: readonly string[] = [], merge: 'sum' | 'min' | 'max' = 'sum'): Family<Cell> {
    return this.add({ name, help, kind: 'gauge', labels, bounds: [], merge }, () => new Cell())
  }

  /** `bounds` are upper bounds in the metric's unit, ascending. */
  histogram(name: string, help: string, bounds: readonly number[], labels: readonly string[] = []): Family<HistogramCell> {
    return this.add({ name, help, kind: 'histogram', labels, bounds, merge: 'sum' }, () => new HistogramCell(bounds))
  }

  /** Runs before each snapshot, to fill gauges. */
  onCollect(collect: () => void): void {
    this.collectors.push(collect)
  }

  snapshot(): MetricSnapshot[] {
    for (const collect of this.collectors) collect()
    return this.families.map((family) => ({ ...family.definition, series: [...family.cells.values()].map(seriesOf) }))
  }

  private add<C extends Cell | HistogramCell>(definition: Definition, make: () => C): Family<C> {
    const family = new CellFamily<C>(definition, make)
    this.families.push(family as unknown as CellFamily<Cell | HistogramCell>)
    return family
  }
}

function seriesOf({ values, cell }: { values: readonly string[]; cell: Cell | HistogramCell }): MetricSnapshot['series'][number] {
  return cell instanceof Cell
    ? { values, value: cell.value, counts: [], sum: 0 }
    : { values, value: 0, counts: [...cell.counts], sum: cell.sum }
}
