// CB2, AD4: the web console in a real Chromium: circuits, keys, revisions, traffic, by role, on a laptop and on a phone
import assert from 'node:assert/strict'
import { answer, fetchOnce, startUpstream, waitUntil } from '@sluice/testkit'
import { adminTokenFor } from '../actors/admin-tokens.ts'
import { openBrowser } from '../actors/browser.ts'
import { assertFits, goTo, openConsole, pressAndConfirm, sees, signIn } from '../actors/console.ts'
import { withKey } from '../actors/consumers.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'

/** What somebody may write into a configuration that others look at. */
const markup = '<img src=x onerror="document.title = 1"><script>document.title = 2</script>'
const pages = ['Traffic', 'Routes', 'Upstreams', 'Circuits', 'Consumers', 'Edges', 'Revisions', 'Usage', 'Break glass', 'Audit log']

/** Resolves once every worker of every edge has answered with that status, as far as many requests can tell. */
async function everywhere(system: System, path: string, status: number): Promise<void> {
  const all = async (url: string) => {
    for (let round = 0; round < 12; round++) if ((await fetchOnce(url + path)).status !== status) return false
    return true
  }
  for (const edge of system.edges) await waitUntil(() => all(edge.url), { timeoutMs: 10_000, what: `${path} to be ${status} on ${edge.name}` })
}

export const webConsole: Case = {
  name: 'people see and work the gateway in the web console',
  async run(system, t) {
    const browser = await openBrowser(t)
    if (browser === undefined) return
    const upstream = await startUpstream(t, answer(200, 'well'))
    const config = (which: string) => ({
      upstreams: { 'console-up': { endpoints: [{ url: upstream.url }], circuitBreaker: {} } },
      groups: [{ name: 'console-gold' }],
      routes: [
        { name: 'console-steady', match: { path: '/console-steady' }, upstream: 'console-up' },
        { name: 'console-keys', match: { path: '/console-keys' }, upstream: 'console-up', policies: [{ 'key-auth': {} }], labels: { note: markup } },
        { name: 'console-which', match: { path: '/console-which' }, policies: [{ 'fixed-response': { body: which } }] },
      ],
    })
    const first = await system.apply(config('first'))
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    const { page, complaints } = await openConsole(context, system.adminUrl)
    const rowOf = (name: string) => page.getByRole('row').filter({ has: page.getByText(name, { exact: true }) })
    const ofEdges = `${system.edges.length} of ${system.edges.length}`

    await t.test('a token that is none is refused, and told so; a good one opens the console', async () => {
      await signIn(page, 'no-token-of-anybody')
      await sees(page, 'This token is not known here')
      assert.equal(await page.evaluate('sessionStorage.length'), 0)
      await signIn(page, system.adminToken)
      await page.getByRole('heading', { level: 1, name: 'Traffic' }).waitFor()
      await sees(page, 'admin (admin)')
      assert.doesNotMatch(page.url(), new RegExp(system.adminToken))
    })

    await t.test('opening a circuit makes every edge answer 503 at once, leaving it to the edges brings it back', async () => {
      await goTo(page, 'Circuits')
      const row = rowOf('console-up')
      await row.getByText('closed', { exact: true }).waitFor()
      await page.getByRole('button', { name: 'Hold open: console-up', exact: true }).click()
      await page.getByRole('dialog').waitFor()
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      await page.locator('button:focus[aria-label="Hold open: console-up"]').waitFor()
      await everywhere(system, '/console-steady', 200)
      await pressAndConfirm(page, 'Hold open: console-up', 'Hold open')
      await everywhere(system, '/console-steady', 503)
      await row.getByText('held by hand').waitFor()
      await row.getByText('open', { exact: true }).waitFor()
      await pressAndConfirm(page, 'Hold closed: console-up', 'Hold closed')
      await everywhere(system, '/console-steady', 200)
      await pressAndConfirm(page, 'Leave to edges: console-up', 'Leave to edges')
      await row.getByText('held by hand').waitFor({ state: 'detached' })
      await everywhere(system, '/console-steady', 200)
    })

    await t.test('a key that is made for a new consumer is shown once and works on every edge, until it is revoked', async () => {
      await goTo(page, 'Consumers')
      await page.getByRole('button', { name: 'Add a consumer' }).click()
      await page.getByRole('dialog').getByLabel('Name').fill('console-partner')
      await page.getByRole('dialog').getByLabel('console-gold').check()
      await page.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click()
      await page.getByRole('heading', { level: 1, name: 'console-partner' }).waitFor()
      await page.getByRole('button', { name: 'Make an API key' }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Make it' }).click()
      const shown = page.getByRole('status', { name: 'The new key' })
      await shown.waitFor()
      const key = (await shown.textContent()) ?? ''
      const [, id = '', secret = ''] = /^sk_([a-z0-9]+)_(.+)$/.exec(key) ?? []
      assert.notEqual(secret, '', key)
      system.secrets.add(secret)
      for (const edge of system.edges) assert.equal((await fetchOnce(edge.url, { path: '/console-keys', ...withKey(key) })).status, 200)
      for (let times = 0; times < 3; times++) await page.keyboard.press('Escape')
      assert.equal(await shown.textContent(), key)
      await page.getByRole('button', { name: 'I have stored it' }).click()
      await sees(page, `sk_${id}_…`)
      assert.equal((await page.content()).includes(secret), false)
      const { groups } = (await system.admin('GET', '/v1/consumers/console-partner')).json<{ groups: string[] }>()
      assert.deepEqual(groups, ['console-gold'])
      await pressAndConfirm(page, `Revoke the key ${id}`, 'Revoke')
      // Once: whoever goes on trying with a bad key is slowed.
      for (const edge of system.edges) assert.equal((await fetchOnce(edge.url, { path: '/console-keys', ...withKey(key) })).status, 401)
      await sees(page, 'It has no credentials')
    })

    await t.test('a revision shows what it changed, and going back to an older one puts that in force on every edge', async () => {
      const second = await system.apply(config('second'))
      await goTo(page, 'Revisions')
      await page.getByRole('link', { name: String(second.revision), exact: true }).click()
      await sees(page, 'This is the head.')
      await sees(page, 'routes/console-which')
      await page.getByRole('button', { name: 'Show it' }).click()
      await page.getByRole('region', { name: `Configuration of revision ${second.revision}` }).getByText('"second"').waitFor()
      await goTo(page, 'Revisions')
      await page.getByRole('link', { name: String(first.revision), exact: true }).click()
      await page.getByRole('button', { name: 'Go back to this' }).click()
      await page.getByRole('dialog').getByText('routes/console-which').waitFor()
      await page.getByRole('dialog').getByRole('button', { name: 'Go back', exact: true }).click()
      await sees(page, new RegExp(`Revision ${second.revision + 1} is in force on ${ofEdges} edges in \\d+ ms`))
      for (const edge of system.edges) assert.equal((await fetchOnce(`${edge.url}/console-which`)).body, 'first')
      await page.getByRole('heading', { level: 1, name: `Revision ${second.revision + 1}` }).waitFor()
    })

    await t.test('what goes through is seen by route while it goes', async () => {
      await goTo(page, 'Traffic')
      const now = page.getByRole('table', { name: 'Requests now, by route' }).getByRole('row', { name: 'console-steady' })
      const isSeen = async () => {
        for (const edge of system.edges) await fetchOnce(`${edge.url}/console-steady`)
        return now.isVisible()
      }
      await waitUntil(isSeen, { timeoutMs: 30_000, what: 'the route to be among those that are asked now' })
      await page.getByRole('table', { name: 'Requests over time, by route' }).getByRole('row', { name: 'console-steady' }).waitFor({ timeout: 20_000 })
      await goTo(page, 'Usage')
      await page.getByRole('table', { name: 'Usage by consumer' }).getByRole('row', { name: 'console-partner' }).waitFor({ timeout: 20_000 })
    })

    await t.test('an order that lies over the configuration is told on every page, and ended by hand', async () => {
      const { status, body } = await system.admin('POST', '/v1/break-glass?wait=all&force=true', { order: { action: 'disable-route', route: 'console-which' }, note: 'tried in the console' })
      assert.equal(status, 201, body)
      await page.getByRole('alert').filter({ hasText: 'Break-glass order of admin' }).waitFor()
      await goTo(page, 'Break glass')
      const row = page.getByRole('table', { name: 'Break-glass orders' }).getByRole('row', { name: 'tried in the console' })
      await row.getByText('in force').waitFor()
      for (const edge of system.edges) await row.getByText(edge.name).waitFor()
      await row.getByRole('button', { name: 'End' }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'End it' }).click()
      await row.getByText('ended').waitFor()
      for (const edge of system.edges) assert.equal((await fetchOnce(`${edge.url}/console-which`)).body, 'first')
    })

    await t.test('edges, routes, upstreams and endpoints are shown as they are', async () => {
      await goTo(page, 'Edges')
      for (const edge of system.edges) await rowOf(edge.name).getByText('live', { exact: true }).waitFor()
      await goTo(page, 'Routes')
      await page.getByRole('link', { name: 'console-keys', exact: true }).click()
      await sees(page, 'key-auth')
      await sees(page, markup)
      assert.equal(await page.locator('img').count(), 0)
      assert.equal(await page.title(), 'console-keys · Sluice')
      await goTo(page, 'Upstreams')
      await page.getByLabel('Name of an upstream').fill('console-up')
      await page.keyboard.press('Enter')
      await page.getByRole('table', { name: 'Endpoints of console-up' }).getByText(upstream.url).waitFor()
      await page.goto(`${system.adminUrl}/#/routes/nobody`)
      await sees(page, 'There is no routes/nobody')
    })

    await t.test('a phone, a dark screen and a keyboard are enough for every page', async () => {
      const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor')
      const light = await ground()
      await page.emulateMedia({ colorScheme: 'dark' })
      assert.notEqual(await ground(), light)
      await page.setViewportSize({ width: 360, height: 740 })
      for (const title of pages) {
        await goTo(page, title)
        await page.locator('[aria-busy="true"]').first().waitFor({ state: 'detached' })
        await assertFits(page, title)
        assert.equal(await page.locator('.failure').count(), 0, title)
        await page.locator('h1:focus').getByText(title, { exact: true }).waitFor()
      }
      await page.setViewportSize({ width: 1280, height: 800 })
    })

    await t.test('while control cannot be reached what is known stays, with a word of that', async () => {
      await goTo(page, 'Edges')
      await rowOf(system.edges[0]!.name).waitFor()
      await context.setOffline(true)
      await page.getByRole('main').getByText('The admin API does not answer').waitFor()
      await rowOf(system.edges[0]!.name).waitFor()
      await context.setOffline(false)
      await page.getByRole('main').getByText('The admin API does not answer').waitFor({ state: 'detached' })
    })

    const analytics = system.services.get('analytics')
    if (analytics !== undefined) await t.test('while one service is away the pages that need it say so, and come back by themselves', async () => {
      const isAway = page.getByRole('main').getByText('dependency.analytics_unreachable').first()
      await analytics.kill()
      try {
        await goTo(page, 'Usage')
        await isAway.waitFor()
        await goTo(page, 'Circuits')
        await rowOf('console-up').waitFor()
        assert.equal(await page.locator('.failure').count(), 0)
        await goTo(page, 'Usage')
        await isAway.waitFor()
      } finally {
        await analytics.start()
      }
      await isAway.waitFor({ state: 'detached' })
      await page.getByRole('table', { name: 'Usage by consumer' }).waitFor()
    })

    await t.test('who may only look is offered nothing that would be refused', async () => {
      const token = await adminTokenFor(system, 'console-viewer', 'viewer')
      const viewer = await openConsole(await browser.newContext(), system.adminUrl)
      await waitUntil(async () => (await fetchOnce(`${system.adminUrl}/v1/status`, { headers: { authorization: `Bearer ${token}` } })).status === 200, { what: 'the token to be known' })
      await signIn(viewer.page, token)
      await sees(viewer.page, 'console-viewer (viewer)')
      for (const [title, seen] of [['Circuits', 'console-up'], ['Consumers', 'console-partner']] as const) {
        await goTo(viewer.page, title)
        await viewer.page.getByRole('link', { name: seen, exact: true }).waitFor()
        assert.equal(await viewer.page.getByRole('main').getByRole('button', { name: /Hold|Leave|Add/ }).count(), 0)
      }
      await viewer.page.getByRole('link', { name: 'console-partner', exact: true }).click()
      await sees(viewer.page, 'It has no credentials')
      assert.equal(await viewer.page.getByRole('button', { name: /Make|Revoke|Change|Delete/ }).count(), 0)
      await viewer.page.goto(`${system.adminUrl}/#/revisions/${first.revision}`)
      await sees(viewer.page, 'Going back needs the role operator.')
      await adminTokenFor(system, 'console-viewer', 'viewer')
      await sees(viewer.page, 'This token is not good any more.')
      assert.equal(await viewer.page.evaluate('sessionStorage.length'), 0)
      assert.deepEqual(viewer.complaints, [])
    })

    await t.test('a reload keeps who is signed in, another tab and signing out do not', async () => {
      await page.reload()
      await sees(page, 'admin (admin)')
      await (await openConsole(context, system.adminUrl)).page.close()
      await page.getByRole('button', { name: 'Sign out' }).click()
      await sees(page, 'You have signed out.')
      await page.reload()
      await page.getByLabel('Admin token').waitFor()
      assert.equal(await page.evaluate('sessionStorage.length'), 0)
      assert.deepEqual(complaints, [])
    })
  },
}
