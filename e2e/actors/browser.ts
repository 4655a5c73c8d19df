// A user at a real browser.
import type { TestContext } from 'node:test'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { chromiumArguments, locateChromium } from '../../infra/local/chromium.ts'

export type { BrowserContext, Page } from 'playwright-core'

/** Chromium without a window, closed with the test; undefined after having skipped the test where there is none. In CI that throws. */
export async function openBrowser(t: TestContext): Promise<Browser | undefined> {
  let executablePath: string
  try {
    executablePath = locateChromium()
  } catch (error) {
    if (process.env.CI) throw error
    t.skip((error as Error).message)
    return undefined
  }
  const browser = await chromium.launch({ executablePath, args: chromiumArguments })
  t.after(() => browser.close())
  return browser
}

/** Fills in who the user is on the issuer's page, and goes on to where that leads. */
export async function logInAs(page: Page, user: string): Promise<void> {
  await page.fill('input[name="user"]', user)
  await Promise.all([page.waitForURL((url) => !url.pathname.startsWith('/interaction/')), page.click('button')])
}

/** The cookies of `url`, as a request without a browser would send them. */
export async function cookieField(context: BrowserContext, url: string): Promise<string> {
  return (await context.cookies(url)).map(({ name, value }) => `${name}=${value}`).join('; ')
}
