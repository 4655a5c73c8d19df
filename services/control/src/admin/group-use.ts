import { SluiceError } from '@sluice/errors'
import type { Consumers } from '../peers/consumers.ts'

/** Throws `config.reference_in_use` when a consumer is in the group. Reads all consumers, since auth keeps no index of groups. */
export async function checkGroupUnused(consumers: Consumers, group: string): Promise<void> {
  const users: string[] = []
  for await (const consumer of consumers.all()) {
    if (Array.isArray(consumer['groups']) && consumer['groups'].includes(group)) users.push(`consumers/${consumer.name}`)
    if (users.length >= 100) break
  }
  if (users.length === 0) return
  throw new SluiceError('config.reference_in_use', { detail: `groups/${group} is still needed by ${users.slice(0, 5).join(', ')}`, extra: { usedBy: users } })
}
