import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

interface Panel {
  readonly id: number
  readonly title: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets: readonly { readonly expr: string }[]
}

/** Name and labels of the metrics that dashboards and alerts may rest on; a histogram stands with `le`. */
const promised: Readonly<Record<string, readonly string[]>> = {
  sluice_requests_total: ['route', 'method', 'status'],
  sluice_request_duration_seconds_bucket: ['le'],
  sluice_gateway_duration_seconds_bucket: ['le', 'phase'],
  sluice_upstream_duration_seconds_bucket: ['le', 'upstream'],
  sluice_connections_active: [],
  sluice_config_revision: [],
  sluice_limit_refused_total: [],
  sluice_cache_requests_total: ['status'],
  sluice_circuit_state: [],
  sluice_endpoint_healthy: ['upstream', 'endpoint'],
  sluice_certificate_expiry_seconds: [],
}
/** Labels that Prometheus adds to whatever it scrapes. */
const scraped = ['instance', 'job']

const folder = join(import.meta.dirname, 'grafana/dashboards')
const dashboards = readdirSync(folder).filter((name) => name.endsWith('.json'))
const read = (name: string): { uid: string; title: string; panels: Panel[] } => JSON.parse(readFileSync(join(folder, name), 'utf8'))
const queries = dashboards.flatMap((name) => read(name).panels.flatMap((panel) => panel.targets.map(({ expr }) => ({ place: `${name}: ${panel.title}`, expr }))))

test('a dashboard asks only for metrics that the gateway promises', () => {
  assert.ok(queries.length > 0)
  for (const { place, expr } of queries) {
    const names = expr.match(/\bsluice_\w+/g) ?? []
    assert.ok(names.length > 0, `${place} asks for nothing of the gateway`)
    for (const name of names) assert.ok(Object.hasOwn(promised, name), `${place} asks for ${name}`)
  }
})

test('a dashboard groups and filters only by labels that the metric has', () => {
  for (const { place, expr } of queries) {
    const [name = ''] = expr.match(/\bsluice_\w+/) ?? []
    const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(',').map((label) => label.trim()))
    const filtered = [...expr.matchAll(/(\w+)=~?"/g)].map(([, label = '']) => label)
    for (const label of [...grouped, ...filtered]) {
      assert.ok([...(promised[name] ?? []), ...scraped].includes(label), `${place}: ${name} has no label ${label}`)
    }
  }
})

test('panels have numbers of their own and do not lie on each other', () => {
  for (const name of dashboards) {
    const { panels } = read(name)
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
    const cells = panels.flatMap(({ gridPos }) => cellsOf(gridPos))
    assert.equal(new Set(cells).size, cells.length, `${name}: two panels share a place`)
    assert.ok(panels.every(({ gridPos: { x, w } }) => x + w <= 24), `${name}: a panel is wider than the grid`)
  }
})

function cellsOf({ x, y, w, h }: Panel['gridPos']): string[] {
  return Array.from({ length: w * h }, (_, index) => `${x + (index % w)}/${y + Math.floor(index / w)}`)
}
