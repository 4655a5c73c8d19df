import type { ConsumerInput } from '../validation/validate.ts'
import type { Consumers } from './consumers.ts'

/**
 * Adds or updates the consumers of a configuration that differ from what auth has, and answers the version after that;
 * undefined when none does. Runs before the revision is committed: a route that asks for credentials then goes live
 * with its callers known, while callers without their route harm nobody, and a failure in between is mended by doing
 * the same again.
 */
export async function putConsumers(consumers: Consumers, written: readonly ConsumerInput[]): Promise<number | undefined> {
  const changed = new Set((await consumers.differences(written)).map((difference) => difference.resource))
  const wanted = written.filter((consumer) => changed.has(`consumers/${consumer.name}`))
  return wanted.length === 0 ? undefined : consumers.put(wanted, { createOnly: false, keepUnnamed: true })
}
