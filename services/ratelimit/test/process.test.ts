import { testServiceProcess } from '@sluice/testkit'

testServiceProcess('ratelimit', {
  main: new URL('../src/main.ts', import.meta.url),
  servers: { SLUICE_NATS_URL: 'nats', SLUICE_REDIS_URL: 'redis' },
  metric: /sluice_malformed_messages_total/,
  plaintext: { SLUICE_NATS_URL: 'nats://nats.internal:4222', SLUICE_REDIS_URL: 'redis://redis.internal:6379' },
})
