import type { AnalyticsStore } from '@sluice/analytics-stores/analytics-store'
import { SluiceError } from '@sluice/errors'
import type { UsageBatch } from '@sluice/proto/messages/analytics'
import type { Intake } from '../intake/intake.ts'

/**
 * Takes one batch and answers after it is stored durably, with the sequence up to which that boot is complete. Throws
 * `client.bad_request` for a batch of another scope or one that makes no sense, `dependency.*` for what is worth trying again.
 */
export async function answerUsageBatch(intake: Intake, store: AnalyticsStore, scope: string, batch: UsageBatch): Promise<{ storedSequence: number }> {
  if (batch.scope !== scope) throw new SluiceError('client.bad_request', { detail: `the batch is of another scope than ${scope}` })
  await intake.take(batch)
  return { storedSequence: await store.storedSequence(scope, batch.edge, batch.boot) }
}
