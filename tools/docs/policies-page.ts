import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { catalogue } from '../../extensions/policies/index.ts'
import type { CatalogueEntry } from '../../extensions/policies/policy.ts'
import { settingsTable } from '../../extensions/policies/settings-table.ts'
import { notBuiltPolicies } from '../../proto/config/index.ts'
import { pageHead, table } from './page-text.ts'

const introduction = `Policies run in the order of this page, whatever their order in the file; the response hooks of those that were reached run
in reverse. Of two with one type and \`name\` the more specific place wins: route, consumer group, upstream, every route. \`false\` in
place of the settings switches off what less specific places say of that type.`

/** docs/policies.md: every policy in running order, with its settings. */
export function policiesPage(root: string): string {
  const overview = table(['policy', 'does', 'hooks', ''], catalogue.map((entry) => [
    `[\`${entry.name}\`](#${entry.name})`, summaryOf(root, entry), entry.hooks.map((hook) => `\`${hook}\``).join(', '), marksOf(entry).join('; '),
  ]))
  const sections = catalogue.flatMap((entry) => [`## ${entry.name}`, '', `${summaryOf(root, entry)} [More](../extensions/policies/${entry.name}/README.md)`, '', settingsTable(entry.settings), ''])
  const missing = `Known by name and refused by the check, because they are not built yet: ${notBuiltPolicies.map((name) => `\`${name}\``).join(', ')}.`
  return [...pageHead('Policies', 'extensions/policies/index.ts and the policies\' schemas'), introduction, '', ...overview, '', missing, '', ...sections].join('\n').trimEnd() + '\n'
}

function marksOf({ always, answers, early, identity }: CatalogueEntry): string[] {
  return [
    ...(always === true ? ['on every route unless set or switched off'] : []),
    ...(identity === true ? ['says who is calling'] : []),
    ...(early === undefined ? [] : ['before those that say who is calling, when its settings need none']),
    ...(answers === true ? ['answers itself: needs no upstream'] : []),
  ]
}

/** The first sentence of its README. */
function summaryOf(root: string, { name }: CatalogueEntry): string {
  const path = `extensions/policies/${name}/README.md`
  const [, ...paragraphs] = readFileSync(join(root, path), 'utf8').split('\n\n')
  const sentence = /^.+?[.](?=\s|$)/s.exec(paragraphs[0] ?? '')?.[0].replaceAll('\n', ' ')
  if (sentence === undefined) throw new Error(`${path} does not begin with a sentence that says what the policy does`)
  return sentence
}
