import assert from 'node:assert/strict'
import { test } from 'node:test'
import { missingServer, needServer } from './servers.ts'

/** Runs `check` with the variables set as given, and back as they were afterwards. */
function withVariables(variables: Record<string, string | undefined>, check: () => void): void {
  const before = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]))
  const set = (values: Record<string, string | undefined>) => {
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
  set(variables)
  try {
    check()
  } finally {
    set(before)
  }
}

test('a test without its server is skipped, naming it', () => {
  withVariables({ SLUICE_TEST_NATS_URL: undefined, CI: undefined }, () => {
    const skipped: (string | undefined)[] = []
    assert.equal(needServer({ skip: (reason) => void skipped.push(reason) }, 'nats'), undefined)
    assert.match(skipped[0] ?? '', /no nats was started/)
  })
})

test('with CI set a test without its server fails', () => {
  withVariables({ SLUICE_TEST_REDIS_URL: undefined, CI: 'true' }, () => {
    assert.throws(() => missingServer('redis'), /no redis was started/)
  })
})

test('a server that is there is handed out', () => {
  withVariables({ SLUICE_TEST_CASSANDRA: '127.0.0.1:9', CI: 'true' }, () => {
    assert.equal(needServer({ skip: () => assert.fail('skipped') }, 'cassandra'), '127.0.0.1:9')
  })
})
