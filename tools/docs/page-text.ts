/** What every page made from code begins with. */
export function pageHead(title: string, source: string): string[] {
  return [`# ${title}`, '', `<!-- Made from ${source} by npm run docs: change it there. -->`, '']
}

/** A Markdown table; bars inside cells are escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)]
}
