/** Bars beside each other, as an SVG that needs nothing to be shown. */
export interface Bar {
  readonly name: string
  readonly value: number
  /** Drawn in the colour of what the chart is about. */
  readonly isOwn: boolean
}

const nameWidth = 220
const barWidth = 420
const rowHeight = 26

/** `full`: the value of a bar over the whole width. */
export function barChart(title: string, bars: readonly Bar[], full = Math.max(1, ...bars.map(({ value }) => value))): string {
  const height = 40 + bars.length * rowHeight + 10
  const rows = bars.map(({ name, value, isOwn }, index) => {
    const y = 40 + index * rowHeight
    const width = Math.max(1, Math.round((value / full) * barWidth))
    return [
      `<text x="${nameWidth - 8}" y="${y + 15}" text-anchor="end">${escaped(name)}</text>`,
      `<rect x="${nameWidth}" y="${y + 2}" width="${width}" height="${rowHeight - 8}" fill="${isOwn ? '#0b6e99' : '#9aa5b1'}"/>`,
      `<text x="${nameWidth + width + 6}" y="${y + 15}">${value.toFixed(2)}</text>`,
    ].join('')
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${nameWidth + barWidth + 70}" height="${height}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="white"/><text x="12" y="22" font-weight="bold">${escaped(title)}</text>
${rows.join('\n')}
</svg>
`
}

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`)
}
