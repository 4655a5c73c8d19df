/** The cells of every table row of `markdown`, header and ruler rows left out, with the number of its line. */
export function tableRows(markdown: string): { line: number; cells: string[] }[] {
  const lines = markdown.split('\n')
  const isRuler = (line: string | undefined) => line !== undefined && /^\|(\s*:?-+:?\s*\|)+\s*$/.test(line)
  return lines.flatMap((line, index) => {
    if (!line.startsWith('|') || isRuler(line) || isRuler(lines[index + 1])) return []
    return [{ line: index + 1, cells: splitCells(line) }]
  })
}

/** `\|` inside a cell is a bar of its text. */
function splitCells(row: string): string[] {
  const inner = row.trim().replace(/^\|/, '').replace(/\|$/, '')
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'))
}
