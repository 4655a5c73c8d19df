import type { ExternalAnswer, ExternalQuestion } from '@sluice/policies/policy'

/** One way to ask another server about a request. Rejects when there is no answer that can be used. */
export interface Authorization {
  ask(question: ExternalQuestion): Promise<ExternalAnswer>
}
