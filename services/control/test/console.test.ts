import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { fetchOnce } from '@sluice/testkit'
import { makeSurroundings, startControl } from './control-under-test.ts'

/** Every module that a page and its modules name, by address. */
async function modulesOf(url: string): Promise<Map<string, string>> {
  const page = (await fetchOnce(`${url}/`)).body
  const found = new Map<string, string>()
  const waiting = [/<script type="module" src="([^"]+)"/.exec(page)?.[1] ?? '']
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (found.has(path)) continue
    const { status, body, headers } = await fetchOnce(url + path)
    assert.deepEqual([status, headers['content-type']], [200, 'text/javascript; charset=utf-8'], path)
    found.set(path, body)
    for (const [, specifier = ''] of body.matchAll(/\bfrom\s*["']([^"']+)["']/g)) waiting.push(new URL(specifier, `http://console${path}`).pathname)
  }
  return found
}

test('the console is there without a token and without a build, each module at an address that never changes what it is', async (context) => {
  const { control } = await startControl(context, await makeSurroundings(context))
  const modules = await modulesOf(control.adminUrl())
  assert.ok(modules.size > 25, [...modules.keys()].join(' '))
  assert.ok([...modules.keys()].some((path) => path.endsWith('/preact.mjs')))
  const page = await fetchOnce(`${control.adminUrl()}/`)
  const preloaded = [...page.body.matchAll(/rel="modulepreload" href="([^"]+)"/g)].map(([, path = '']) => path)
  assert.deepEqual(preloaded.sort(), [...modules.keys()].sort())
  const [folder = ''] = /^\/console\/[0-9a-f]{16}\//.exec(preloaded[0]!) ?? []
  assert.ok(folder !== '' && preloaded.every((path) => path.startsWith(folder)))
  const style = await fetchOnce(`${control.adminUrl()}${folder}console.css`)
  assert.deepEqual([style.status, style.headers['content-type'], style.headers['cache-control']], [200, 'text/css; charset=utf-8', 'public, max-age=31536000, immutable'])
})

test('nothing of the console is executed but its own files, and nobody frames it', async (context) => {
  const { control } = await startControl(context, await makeSurroundings(context))
  const { headers, body } = await fetchOnce(`${control.adminUrl()}/`)
  const policy = String(headers['content-security-policy'])
  for (const rule of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]) assert.ok(policy.includes(rule), rule)
  assert.doesNotMatch(policy, /unsafe|http:|\*/)
  assert.deepEqual([headers['x-content-type-options'], headers['referrer-policy']], ['nosniff', 'no-referrer'])
  assert.doesNotMatch(body, /<script>|<style|style=|onclick|https?:/)
})

test('the page is asked for each time and sent only when it is another one; who takes gzip gets that', async (context) => {
  const { control } = await startControl(context, await makeSurroundings(context))
  const url = `${control.adminUrl()}/`
  const plain = await fetchOnce(url)
  assert.equal(plain.headers['cache-control'], 'no-cache')
  const again = await fetchOnce(url, { headers: { 'if-none-match': plain.headers['etag']! } })
  assert.deepEqual([again.status, again.body], [304, ''])
  const packed = await fetchOnce(url, { headers: { 'accept-encoding': 'br, gzip' } })
  assert.equal(packed.headers['content-encoding'], 'gzip')
  assert.equal(gunzipSync(packed.bytes).toString(), plain.body)
  for (const none of ['gzip;q=0', 'br', 'identity']) assert.equal((await fetchOnce(url, { headers: { 'accept-encoding': none } })).headers['content-encoding'], undefined, none)
})

test('what is no file of the console is not found, whatever it is called', async (context) => {
  const { control } = await startControl(context, await makeSurroundings(context))
  const folder = /\/console\/[0-9a-f]+\//.exec((await fetchOnce(`${control.adminUrl()}/`)).body)![0]
  for (const path of ['/console/', '/console/0000000000000000/main.ts', `${folder}index.html`, `${folder}../../package.json`, `${folder}..%2f..%2fpackage.json`, `${folder}parts/words.test.ts`, `${folder}constructor`]) {
    const { status, headers } = await fetchOnce(control.adminUrl(), { path })
    assert.deepEqual([status, headers['content-type']?.split(';')[0]], [404, 'application/problem+json'], path)
  }
})

test('whose token asks is told with its role', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  assert.deepEqual((await control.json<{ principal: object }>('GET', '/v1/status')).principal, { name: 'admin', role: 'admin' })
})
