/** Groups and plans stay while consumers, which auth keeps, name them. Reads all consumers: auth keeps no index of either. */
import { SluiceError } from '@sluice/errors'
import type { Consumers } from '../peers/consumers.ts'
import type { Resource } from '../revisions/resources.ts'

const maxTold = 100

/** Throws `config.reference_in_use` when a consumer is in the group. */
export function checkGroupUnused(consumers: Consumers, group: string): Promise<void> {
  return checkUnused(consumers, `groups/${group}`, ({ groups }) => Array.isArray(groups) && groups.includes(group))
}

/** Throws `config.reference_in_use` when a consumer subscribes to one of these plans. */
export async function checkPlansUnused(consumers: Consumers, plans: readonly string[]): Promise<void> {
  for (const plan of plans) await checkUnused(consumers, `plans/${plan}`, (consumer) => consumer['plan'] === plan)
}

async function checkUnused(consumers: Consumers, resource: string, uses: (consumer: Resource) => boolean): Promise<void> {
  const users: string[] = []
  for await (const consumer of consumers.all()) {
    if (uses(consumer)) users.push(`consumers/${consumer.name}`)
    if (users.length >= maxTold) break
  }
  if (users.length === 0) return
  throw new SluiceError('config.reference_in_use', { detail: `${resource} is still needed by ${users.slice(0, 5).join(', ')}`, extra: { usedBy: users } })
}
