/** Of which so many percent are smaller or equal; NaN of nothing. */
export function quantile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? NaN
}

export const show = (values: readonly number[], percent: number): string => quantile(values, percent).toFixed(1)
