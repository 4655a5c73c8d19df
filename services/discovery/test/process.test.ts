import { testServiceProcess } from '@sluice/testkit'

testServiceProcess('discovery', {
  main: new URL('../src/main.ts', import.meta.url),
  servers: { SLUICE_NATS_URL: 'nats' },
  metric: /sluice_registrations/,
  plaintext: { SLUICE_NATS_URL: 'nats://nats.internal:4222' },
})
