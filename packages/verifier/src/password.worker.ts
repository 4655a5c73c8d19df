/** Runs on the verifier's threads: one Argon2id (RFC 9106) at a time. Outcomes are data: a thrown error would lose its code. */
import { hashSync, verifySync } from '@node-rs/argon2'

export type PasswordTask =
  | { readonly kind: 'hash'; readonly password: string; readonly memoryKib: number; readonly passes: number }
  | { readonly kind: 'verify'; readonly password: string; readonly hash: string }

export type PasswordOutcome = { readonly hash: string } | { readonly matches: boolean } | { readonly failed: true }

export default function runPasswordTask(task: PasswordTask): PasswordOutcome {
  try {
    if (task.kind === 'verify') return { matches: verifySync(task.hash, task.password) }
    return { hash: hashSync(task.password, { memoryCost: task.memoryKib, timeCost: task.passes, parallelism: 1 }) }
  } catch {
    return { failed: true }
  }
}
