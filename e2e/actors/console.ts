// A person at the console in a browser.
import assert from 'node:assert/strict'
import type { BrowserContext, Page } from './browser.ts'

export interface ConsoleUser {
  readonly page: Page
  /** Whatever the browser complained of, policies of the page included. */
  readonly complaints: string[]
}

/** Opens the console in a tab of its own; nobody is signed in. */
export async function openConsole(context: BrowserContext, adminUrl: string): Promise<ConsoleUser> {
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    // A browser notes each answer of 400 and above, refusals that a test is about included.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  await page.goto(adminUrl)
  await page.getByLabel('Admin token').waitFor()
  return { page, complaints }
}

export async function signIn(page: Page, token: string): Promise<void> {
  await page.getByLabel('Admin token').fill(token)
  await page.keyboard.press('Enter')
}

/** Goes to a page by the navigation, and waits for its heading. */
export async function goTo(page: Page, title: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Pages of the console' }).getByRole('link', { name: title, exact: true }).click()
  await page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor()
}

/** Presses a button, and in the question that it asks the one that says `answer`. */
export async function pressAndConfirm(page: Page, button: string, answer: string): Promise<void> {
  await page.getByRole('button', { name: button, exact: true }).click()
  await page.getByRole('dialog').getByRole('button', { name: answer, exact: true }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
}

/** Waits until the page shows the text. */
export async function sees(page: Page, text: string | RegExp): Promise<void> {
  await page.getByText(text).first().waitFor()
}

/** Fails when the page is wider than its window: then one would have to scroll sideways to read it. */
export async function assertFits(page: Page, what: string): Promise<void> {
  const [content, window] = (await page.evaluate('[document.documentElement.scrollWidth, document.documentElement.clientWidth]')) as [number, number]
  assert.ok(content <= window, `${what} is ${content} wide in a window of ${window}`)
}
