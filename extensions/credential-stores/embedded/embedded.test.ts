import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runProcess } from '@sluice/testkit'
import { apiKey, consumerOf, testCredentialStore } from '../credential-store.contract.ts'
import { createEmbeddedCredentialStore } from './embedded.ts'

const directory = mkdtempSync(join(tmpdir(), 'sluice-credential-store-'))
after(() => rmSync(directory, { recursive: true, force: true }))

testCredentialStore('embedded', {
  open: (changesKept) => createEmbeddedCredentialStore({ directory: join(directory, 'contract'), changesKept }),
  openPeer: async (first) => first,
})

describe('the embedded credential store', () => {
  test('consumers and version are there after closing and opening again', async () => {
    const file = join(directory, 'reopened.sqlite')
    const first = await createEmbeddedCredentialStore({ file })
    await first.putConsumers('default', [consumerOf('acme', apiKey('k1'))], { createOnly: true })
    await first.close()
    const second = await createEmbeddedCredentialStore({ file })
    assert.equal(await second.version('default'), 1)
    assert.equal((await second.findApiKey('default', 'k1'))?.consumer.name, 'acme')
    await second.close()
  })

  test('a key whose deletion returned stays gone when the process is killed', async (t) => {
    const file = join(directory, 'killed.sqlite')
    const module = JSON.stringify(fileURLToPath(new URL('./embedded.ts', import.meta.url)))
    const script = `
      const { createEmbeddedCredentialStore } = await import(${module})
      const store = await createEmbeddedCredentialStore({ file: ${JSON.stringify(file)} })
      await store.putConsumers('s', [${JSON.stringify(consumerOf('acme', apiKey('k1'), apiKey('k2')))}], { createOnly: true })
      await store.deleteCredential('s', 'acme', 'k1')
      process.kill(process.pid, 'SIGKILL')`
    await runProcess(t, process.execPath, ['--input-type=module', '--eval', script])
    const store = await createEmbeddedCredentialStore({ file })
    assert.equal(await store.findApiKey('s', 'k1'), undefined)
    assert.equal((await store.findApiKey('s', 'k2'))?.consumer.name, 'acme')
    assert.deepEqual((await store.changes('s', 1))?.map((change) => change.credentialId), ['k1'])
    await store.close()
  })

  test('a second store on the same file is refused with a reason', async () => {
    const file = join(directory, 'shared.sqlite')
    const first = await createEmbeddedCredentialStore({ file })
    await assert.rejects(createEmbeddedCredentialStore({ file, busyMs: 0 }), { code: 'dependency.store_unreachable', message: /another process has it open/ })
    await first.close()
    await (await createEmbeddedCredentialStore({ file, busyMs: 0 })).close()
  })

  test('the file can be read by its owner only', async () => {
    const file = join(directory, 'private.sqlite')
    const store = await createEmbeddedCredentialStore({ file })
    assert.equal(statSync(file).mode & 0o077, 0)
    await store.close()
  })

  test('calls after closing reject with the store’s code', async () => {
    const store = await createEmbeddedCredentialStore({ file: join(directory, 'closed.sqlite') })
    await store.close()
    await store.close()
    for (const call of [store.version('s'), store.putConsumers('s', [consumerOf('a')], { createOnly: false }), store.ping()]) {
      await assert.rejects(call, { code: 'dependency.store_unreachable' })
    }
  })
})
