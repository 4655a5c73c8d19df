import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readSettings, variableName } from '@sluice/service-kit'
import { Ajv } from 'ajv'
import { parse } from 'yaml'
import { composeSchema } from '../../infra/compose/compose-schema.ts'

interface ComposeService {
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly depends_on?: readonly string[] | Readonly<Record<string, unknown>>
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly image: string
}

const root = join(import.meta.dirname, '../..')
const compose = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
  readonly services: Readonly<Record<string, ComposeService>>
  readonly volumes: Readonly<Record<string, null>>
}
const services = Object.entries(compose.services)
const ours = services.filter(([, { image }]) => image.startsWith('sluice:'))
const folders = readdirSync(join(root, 'services')).filter((name) => name !== 'all-in-one').sort()

test('docker-compose.yml has the shape of the Compose Specification', () => {
  const validate = new Ajv({ allErrors: true }).compile(composeSchema)
  assert.ok(validate(compose), JSON.stringify(validate.errors, undefined, 2))
})

test('a misspelt key in docker-compose.yml would be noticed', () => {
  const validate = new Ajv().compile(composeSchema)
  const [name, first] = services[0]!
  assert.ok(!validate({ services: { [name]: { ...first, enviroment: {} } } }))
})

test('each service of the gateway runs as a container of its own, by `sluice service NAME`', () => {
  assert.deepEqual(ours.map(([name]) => name).sort(), folders)
  for (const [name, { command }] of ours) assert.deepEqual(command, ['service', name])
})

for (const [name, { environment = {} }] of ours) {
  test(`every variable of ${name} in docker-compose.yml is a setting of that service`, async () => {
    const known = await settingsOf(name)
    assert.ok(known.length > 0)
    for (const variable of Object.keys(environment)) assert.ok(known.includes(variable), `${variable} is no setting of ${name}; it has ${known.join(', ')}`)
  })

  test(`the settings of ${name} in docker-compose.yml are accepted`, async () => {
    const values = Object.entries(environment).map(([variable, value]) => [variable, value.startsWith('${') ? 'a-token-of-many-letters' : value])
    const settings = readSettings(await shapeOf(name), Object.fromEntries(values) as NodeJS.ProcessEnv)
    assert.equal((settings as { natsUrl?: unknown }).natsUrl?.toString(), 'nats://nats:4222')
  })

  test(`${name} is probed and scraped where it listens`, () => {
    const port = /^:(\d+)$/.exec(environment['SLUICE_METRICS_ADDRESS'] ?? '')?.[1]
    assert.ok(port, 'metrics are reachable from outside the container')
    assert.match(compose.services[name]?.healthcheck?.test.join(' ') ?? '', new RegExp(`127\\.0\\.0\\.1:${port}/(readyz|healthz)`))
    const { scrape_configs } = parse(readFileSync(join(root, 'infra/prometheus/prometheus.yml'), 'utf8')) as { scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[] }
    assert.deepEqual(scrape_configs.find((job) => job.job_name === name)?.static_configs, [{ targets: [`${name}:${port}`] }])
  })
}

test('what a container mounts is in the repository, or a volume that is declared', () => {
  for (const [name, { volumes = [] }] of services) {
    for (const volume of volumes) {
      const [source = ''] = volume.split(':')
      assert.ok(source.startsWith('./') ? existsSync(join(root, source)) : source in compose.volumes, `${name}: ${volume}`)
    }
  }
})

test('a container waits only for others that are there', () => {
  for (const [name, { depends_on = [] }] of services) {
    const waited = Array.isArray(depends_on) ? (depends_on as readonly string[]) : Object.keys(depends_on)
    for (const other of waited) assert.ok(other in compose.services, `${name} waits for ${other}`)
  }
})

test('no port is published beyond this machine, and none twice', () => {
  const ports = services.flatMap(([, { ports: published = [] }]) => published)
  assert.ok(ports.every((port) => port.startsWith('127.0.0.1:')))
  assert.equal(new Set(ports.map((port) => port.split(':').at(-2))).size, ports.length)
})

type Settings = Parameters<typeof readSettings>[0]

async function shapeOf(service: string): Promise<Settings> {
  const module = (await import(join(root, 'services', service, 'src/settings.ts'))) as Record<string, unknown>
  const found = Object.values(module).find((value) => typeof value === 'object' && value !== null && 'shape' in value)
  assert.ok(found !== undefined, `services/${service}/src/settings.ts exports its shape`)
  return found as Settings
}

async function settingsOf(service: string): Promise<string[]> {
  return Object.keys((await shapeOf(service)).shape).map(variableName)
}
