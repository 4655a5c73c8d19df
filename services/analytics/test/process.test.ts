import { testServiceProcess } from '@sluice/testkit'

testServiceProcess('analytics', {
  main: new URL('../src/main.ts', import.meta.url),
  servers: { SLUICE_NATS_URL: 'nats' },
  metric: /sluice_analytics_batches_total/,
  plaintext: { SLUICE_NATS_URL: 'nats://nats.internal:4222' },
})
