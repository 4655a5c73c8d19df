/** Somebody with a browser that runs no scripts: follows redirects, keeps cookies by host, logs in where a form asks for a user. */
export interface Page {
  readonly status: number
  /** Where it was found in the end. */
  readonly url: string
  readonly headers: Headers
  readonly body: string
}

interface Going {
  readonly method?: string
  readonly form?: Readonly<Record<string, string>>
  /** Stops before it goes to an address that begins so. */
  readonly before?: string
}

const maxRedirects = 10
const browserFields = { 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'none', accept: 'text/html' }

export class UserAgent {
  readonly #user: string
  /** By host, then by name. */
  readonly cookies = new Map<string, Map<string, string>>()

  constructor(user: string) {
    this.#user = user
  }

  /** Opens a page and whatever it leads to; a page that asks who the user is is told. */
  async open(url: string, going: Going = {}): Promise<Page> {
    const page = await this.#follow(url, going)
    if (!page.body.includes('name="user"')) return page
    return this.#follow(page.url, { ...going, method: 'POST', form: { user: this.#user } })
  }

  cookiesOf(url: string): Map<string, string> {
    const { host } = new URL(url)
    const known = this.cookies.get(host) ?? new Map<string, string>()
    this.cookies.set(host, known)
    return known
  }

  async #follow(first: string, { method = 'GET', form, before }: Going): Promise<Page> {
    let [url, isFirst] = [first, true]
    for (let turn = 0; turn < maxRedirects; turn++) {
      const page = await this.#ask(url, isFirst ? method : 'GET', isFirst ? form : undefined)
      const location = page.headers.get('location')
      if (location === null || page.status < 300 || page.status >= 400) return page
      url = new URL(location, url).href
      isFirst = false
      if (before !== undefined && url.startsWith(before)) return { ...page, url }
    }
    throw new Error(`${first} leads on and on, at last to ${url}`)
  }

  async #ask(url: string, method: string, form: Readonly<Record<string, string>> | undefined): Promise<Page> {
    const cookie = [...this.cookiesOf(url)].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { ...browserFields, ...(cookie !== '' && { cookie }) }
    const response = await fetch(url, { method, headers, redirect: 'manual', ...(form !== undefined && { body: new URLSearchParams(form) }) })
    for (const field of response.headers.getSetCookie()) this.#keep(url, field)
    return { status: response.status, url, headers: response.headers, body: await response.text() }
  }

  #keep(url: string, field: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(field) ?? []
    const isGone = value === '' || /max-age=0|expires=thu, 01 jan 1970/i.test(field)
    if (isGone) this.cookiesOf(url).delete(name)
    else this.cookiesOf(url).set(name, value)
  }
}
