/** A thread that ends in the middle of its work when it is told to, and does the real work otherwise. */
import checkSignatures, { type SignatureBatch, type SignatureOutcome } from '../src/signature.worker.ts'

export default function endOrCheck(batch: SignatureBatch): SignatureOutcome[] | Promise<never> {
  const inputs = batch.jobs.map((job) => job.signingInput)
  if (inputs.includes('exit')) process.exit(3)
  if (inputs.includes('hang')) return new Promise(() => {})
  if (inputs.includes('memory')) {
    const held: unknown[] = []
    for (;;) held.push(Array.from({ length: 1_000_000 }, () => held.length))
  }
  return checkSignatures(batch)
}
