/** Lines over the minutes of the soak, one panel each, as an SVG that needs nothing to be shown. */
export interface Panel {
  readonly title: string
  readonly lines: readonly { readonly name: string; readonly values: readonly number[] }[]
}

const [width, height, left, top] = [760, 130, 60, 34]
const colours = ['#0b6e99', '#c25b12']

/** `seconds`: when each value was taken. */
export function soakPlot(seconds: readonly number[], panels: readonly Panel[]): string {
  const drawn = panels.map((panel, index) => drawPanel(panel, seconds, top + index * (height + top)))
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width + left + 20}" height="${panels.length * (height + top) + top}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
${drawn.join('\n')}
</svg>
`
}

function drawPanel({ title, lines }: Panel, seconds: readonly number[], y: number): string {
  const full = Math.max(1, ...lines.flatMap(({ values }) => values)) * 1.05
  const end = Math.max(1, seconds.at(-1) ?? 0)
  const minutes = Array.from({ length: Math.floor(end / 300) + 1 }, (_, index) => index * 5)
  const marks = minutes.map((minute) => `<text x="${left + ((minute * 60) / end) * width}" y="${y + height + 13}" text-anchor="middle">${minute}</text>`)
  const drawn = lines.map(({ values }, index) => {
    const points = values.map((value, at) => `${(left + ((seconds[at] ?? 0) / end) * width).toFixed(1)},${(y + height - (value / full) * height).toFixed(1)}`)
    return `<polyline fill="none" stroke="${colours[index % colours.length]}" points="${points.join(' ')}"/>`
  })
  const legend = lines.map(({ name }, index) => `<tspan fill="${colours[index % colours.length]}"> ${name}</tspan>`).join('')
  return [
    `<text x="${left}" y="${y - 6}" font-weight="bold">${title}${legend}</text>`,
    `<rect x="${left}" y="${y}" width="${width}" height="${height}" fill="none" stroke="#9aa5b1"/>`,
    `<text x="${left - 6}" y="${y + 10}" text-anchor="end">${Math.round(full)}</text><text x="${left - 6}" y="${y + height}" text-anchor="end">0</text>`,
    ...marks,
    ...drawn,
  ].join('')
}
