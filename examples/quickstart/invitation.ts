import { dirname, join } from 'node:path'
import type { ServedAddresses } from '@sluice/all-in-one'
import type { SampleUpstream } from './upstreams.ts'

export interface InvitationFacts {
  readonly addresses: ServedAddresses
  readonly upstreams: readonly SampleUpstream[]
  /** As the reader can type them. */
  readonly keyFile: string
  readonly configFile: string
}

/** Says where everything is, and what to type first. Each line works as it stands in the folder where `npm start` was typed. */
export function printInvitation(facts: InvitationFacts): void {
  process.stdout.write(`${invitation(facts).join('\n')}\n`)
}

function invitation({ addresses, upstreams, keyFile, configFile }: InvitationFacts): string[] {
  const base = addresses.traffic[0] ?? ''
  const token = `$(npx sluice token --key ${keyFile} --sub acme --ttl 1h)`
  return [
    '',
    `  gateway     ${base}`,
    `  admin API   ${addresses.admin}   (npx sluice status -c ${configFile})`,
    `  console     ${addresses.admin}/   (sign in with ${adminTokenOf(configFile)})`,
    `  metrics     ${addresses.metrics}/metrics`,
    `  services    ${upstreams.map(({ name, url }) => `${name} ${url}`).join(', ')}`,
    '',
    'Try, in another terminal:',
    '',
    '  # one product, open to everybody',
    `  curl ${base}/api/products/7`,
    '  # without a token: 401',
    `  curl -i ${base}/api/users/42`,
    '  # with a token of the development key',
    `  curl -H "Authorization: Bearer ${token}" ${base}/api/users/42`,
    '  # with an API key made on the spot',
    `  curl -H "X-API-Key: $(npx sluice keys create partner -c ${configFile})" "${base}/api/users?country=KE"`,
    '  # five in ten seconds, then 429',
    `  for i in 1 2 3 4 5 6 7; do curl -s -o /dev/null -w '%{http_code} ' ${base}/api/products; done; echo`,
    '',
    `Edit ${configFile} and save: the change is live at once. Ctrl-C stops everything.`,
    '',
  ]
}

/** Where the reader finds it. */
function adminTokenOf(configFile: string): string {
  return process.env['SLUICE_ADMIN_TOKEN'] ? 'SLUICE_ADMIN_TOKEN' : `the token in ${join(dirname(configFile), '.sluice/admin-token')}`
}
