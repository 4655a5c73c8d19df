import { discoverySources } from '../../extensions/discovery-sources/index.ts'
import { settingsTable } from '../../extensions/policies/settings-table.ts'
import { consumer, credential, gatewayConfig, group, guardrail, httpListener, namedCertificate, notBuiltBalancers, notBuiltSettings, notBuiltSources, plan, rolloutSettings, route, selfTest, upstream } from '../../proto/config/index.ts'
import { pageHead, table } from './page-text.ts'

type Schema = Parameters<typeof settingsTable>[0]

interface Section {
  readonly title: string
  /** The settings of the whole file whose inside it shows. */
  readonly of: readonly (keyof typeof gatewayConfig.shape)[]
  readonly about: string
  readonly schemas: readonly Schema[]
}

/** Settings whose meaning is told elsewhere, or in one line. */
const elsewhere: Readonly<Record<string, string>> = { version: '`1`', policies: '[policies](policies.md)', trustedProxies: 'list of addresses and ranges' }

const sections: readonly Section[] = [
  { title: 'Listeners', of: ['listeners'], about: '`listeners.http`; `http: false` switches it off.', schemas: [httpListener] },
  { title: 'Upstreams', of: ['upstreams'], about: 'A map by name; the settings of each:', schemas: [upstream] },
  { title: 'Discovery sources', of: [], about: 'What `discovery` of an upstream holds, for each `source`. Of the settings `tls` each can be left out.', schemas: discoverySources.filter(({ name }) => name !== 'static').map(({ settings }) => settings) },
  { title: 'Routes', of: ['routes'], about: 'A list; which of several is taken does not depend on its order.', schemas: [route] },
  { title: 'Groups', of: ['groups'], about: 'A list.', schemas: [group] },
  { title: 'Plans', of: ['plans'], about: 'A list; a consumer subscribes to one by its `plan`. What a plan says holds on each route that asks who is calling, beside the policies there, and cannot be switched off by them.', schemas: [plan] },
  { title: 'Certificates', of: ['certificates'], about: 'A list; `listeners.https` shows them beside its own.', schemas: [namedCertificate] },
  { title: 'Rollout', of: ['rollout'], about: 'How a change reaches the edges: with `rings`, a few first. One that does harm there is taken back by itself; `sluice status` tells what is tried.', schemas: [rolloutSettings] },
  { title: 'Self-tests', of: ['selfTests'], about: 'A list, such as `{ name: users-need-a-token, request: { url: "https://api.example.com/api/users/7" }, expect: { route: get-user, status: 401 } }`. An edge answers them with a new revision before any client is, with the policies in force there but for those that count or ask another server with each request; nothing is sent to an upstream. A second for each, five for all. `sluice check` answers them too, but for those that come to a credential. Routes that differ in `groups` are tried as the first of them.', schemas: [selfTest] },
  { title: 'Guardrails', of: ['guardrails'], about: 'A list of rules, such as `{ name: public-routes-are-authenticated, require: authentication, where: { labels: { exposure: public } } }`. `sluice check`, `apply` and each write of the admin API refuse what breaks one. Policies of groups do not count: they are for some callers only.', schemas: [guardrail] },
  { title: 'Consumers', of: ['consumers'], about: 'A list; a credential is one of the kinds below.', schemas: [consumer, ...credential.options] },
  { title: 'Telemetry and admin', of: ['telemetry', 'admin'], about: 'Services of the distributed mode have `SLUICE_METRICS_ADDRESS` and `SLUICE_ADMIN_ADDRESS` in place of the two addresses.', schemas: [gatewayConfig.pick({ telemetry: true, admin: true })] },
]

const introduction = `The configuration as a file holds it, YAML or JSON; the admin API takes and gives the same resources. A running gateway has
it as JSON Schema for editors at \`/schema.json\` of the admin port. Any text that is a setting may be a reference to where its value is kept:
\`env:NAME\`, \`file:PATH\`, \`vault:\`, \`aws-sm:\`, \`k8s:\` ([how](../services/control/src/secret-sources/README.md)); relative paths start at the file's folder. An unknown setting is a problem, told with the
nearest name there is.`

/** docs/config-reference.md: every setting of the configuration, from the schemas that check it. */
export function configReferencePage(): string {
  const parts = sections.flatMap(({ title, about, schemas }) => [`## ${title}`, '', about, '', ...schemas.flatMap((schema) => [settingsTable(schema), ''])])
  return [...pageHead('Configuration', 'the schemas in proto/config'), introduction, '', ...overview(), '', ...parts, ...notBuilt(), ''].join('\n')
}

function overview(): string[] {
  const rows = Object.entries(gatewayConfig.shape).map(([name, schema]) => [`\`${name}\``, placeOf(name), schema.description ?? ''])
  return table(['setting', 'holds', 'meaning'], rows)
}

function placeOf(name: string): string {
  const section = sections.find(({ of }) => (of as readonly string[]).includes(name))
  const place = section === undefined ? elsewhere[name] : `[${section.title.toLowerCase()}](#${section.title.toLowerCase().replaceAll(' ', '-')})`
  if (place === undefined) throw new Error(`tools/docs/config-reference-page.ts has no section on "${name}"`)
  return place
}

function notBuilt(): string[] {
  const settings = Object.entries(notBuiltSettings).map(([place, names]) => `- ${place === 'document' ? 'the file' : `\`${place}\``}: ${names.map((name) => `\`${name}\``).join(', ')}`)
  const quoted = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ')
  const values = [['balancer', notBuiltBalancers], ['discovery.source', notBuiltSources]] as const
  const named = values.flatMap(([setting, names]) => (names.length === 0 ? [] : [`- values of \`${setting}\`: ${quoted(names)}`]))
  return ['## Not built yet', '', 'Known by name and refused by the check, never ignored:', '', ...settings, ...named]
}
