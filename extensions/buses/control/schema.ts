import { z } from 'zod'

export const schema = {
  name: 'control',
  summary: 'The bus of the others, through control: for an edge that may open connections to control only.',
  settings: z.strictObject({
    urls: z.array(z.url({ protocol: /^https?$/, error: 'must look like https://host:8001' })).min(1).describe('Base URLs of the admin ports of controls; the first that answers is used.'),
    token: z.string().min(1).describe('The token of edges, the same that control has.'),
    pingIntervalMs: z.int().min(20).default(2000).describe('Milliseconds between two pings; a control that is silent for three intervals counts as gone.'),
    connectTimeoutMs: z.int().min(20).default(5000).describe('Milliseconds for one attempt to connect, TLS and answer included.'),
    reconnectWaitMs: z.int().min(10).default(250).describe('Milliseconds after the first attempt that failed, doubled up to twenty times as much; up to as much again is added at random.'),
  }),
} as const

export type ControlBusSettings = z.input<typeof schema.settings>
/** With defaults in place. */
export type Settings = z.output<typeof schema.settings>
