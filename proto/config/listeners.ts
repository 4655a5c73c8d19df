import { z } from 'zod'
import { listenAddress } from './strings.ts'

export const httpListener = z.strictObject({
  address: listenAddress.default('127.0.0.1:8000').describe('Where clients connect.'),
  healthPath: z.string().startsWith('/').optional().describe('Answers 200 while serving and 503 while draining or not ready, before any policy.'),
  delaySeconds: z.number().min(0).max(600).optional().describe('After SIGTERM: how long the edge still accepts while its health says 503. 5 when healthPath is set, else 0.'),
})

export const listeners = z.strictObject({
  http: z.union([z.literal(false), httpListener]).prefault({}).describe('Plain HTTP; false switches it off.'),
})

export type HttpListener = z.output<typeof httpListener>
export type Listeners = z.output<typeof listeners>
