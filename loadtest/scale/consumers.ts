/**
 * A million consumers with a key each in the embedded store, and what it costs another process to find one of them: none is read before it is asked for.
 * `consumers.ts --count N` prints one line of a table; started with `--find FOLDER` it is that other process.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { MAX_CONSUMERS_A_WRITE } from '../../extensions/credential-stores/credential-store.ts'
import { openCredentialStore } from '../../extensions/credential-stores/index.ts'

const { values } = parseArgs({ options: { count: { type: 'string', default: '1000000' }, find: { type: 'string' }, finds: { type: 'string', default: '20000' } } })
const scope = 'default'
// What Argon2id's hashes look like; nobody verifies one here.
const hash = `$argon2id$v=19$m=19456,t=2,p=1$${'c2FsdHNhbHRzYWx0c2FsdA'}$${'aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g'}`

async function main(count: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-consumers-'))
  try {
    const store = await openCredentialStore('embedded', { directory })
    const cpuBefore = process.cpuUsage()
    const began = performance.now()
    for (let from = 0; from < count; from += MAX_CONSUMERS_A_WRITE) {
      const some = Array.from({ length: Math.min(MAX_CONSUMERS_A_WRITE, count - from) }, (_, index) => consumer(from + index))
      await store.putConsumers(scope, some, { createOnly: true })
    }
    const writtenMs = performance.now() - began
    const { user, system } = process.cpuUsage(cpuBefore)
    await store.close()
    const fileMb = statSync(join(directory, 'credentials.sqlite')).size / 1e6
    const found = await findElsewhere(directory, count)
    console.log('| consumers | written s | CPU µs each | file MB | store opened ms | MB before, after the first look-ups | a key found, µs p50 / p99 | not there |')
    console.log('| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
    console.log(`| ${count} | ${(writtenMs / 1000).toFixed(0)} | ${((user + system) / count).toFixed(0)} | ${fileMb.toFixed(0)} | ${found} |`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const consumer = (index: number) => ({ name: `consumer-${index}`, groups: ['gold'], labels: {}, owner: '', credentials: [{ kind: 'apiKey', id: `k${index}`, hash, expiresAtMs: 0, createdAtMs: 0 }] as const })

/** In a process that has never seen one of them. */
function findElsewhere(directory: string, count: number): Promise<string> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), '--find', directory, '--count', String(count), '--finds', values.finds], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => (code === 0 ? resolve(said.trim()) : reject(new Error(`the process that looks up ended with ${code}`))))
  })
}

async function find(directory: string, count: number): Promise<void> {
  const before = process.memoryUsage().rss
  const began = performance.now()
  const store = await openCredentialStore('embedded', { directory })
  const openedMs = performance.now() - began
  const times: number[] = []
  for (let turn = 0; turn < Number(values.finds); turn++) times.push(await timed(async () => {
    const index = Math.floor(Math.random() * count)
    if ((await store.findApiKey(scope, `k${index}`))?.consumer.name !== `consumer-${index}`) throw new Error(`the key of consumer-${index} was not found`)
  }))
  const missing: number[] = []
  for (let turn = 0; turn < 1000; turn++) missing.push(await timed(async () => {
    if ((await store.findApiKey(scope, `x${turn}`)) !== undefined) throw new Error('a key that nobody has was found')
  }))
  const mb = (bytes: number) => (bytes / 1e6).toFixed(0)
  const cells = [openedMs.toFixed(0), `${mb(before)}, ${mb(process.memoryUsage().rss)}`, `${at(times, 50)} / ${at(times, 99)}`, `${at(missing, 50)} / ${at(missing, 99)}`]
  console.log(cells.join(' | '))
  await store.close()
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now()
  await work()
  return (performance.now() - began) * 1000
}

function at(times: readonly number[], percent: number): string {
  const sorted = [...times].sort((a, b) => a - b)
  return (sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? NaN).toFixed(0)
}

if (values.find === undefined) await main(Number(values.count))
else await find(values.find, Number(values.count))
