import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HeaderFields } from '@sluice/http'
import { mapBack } from './map-back.ts'

interface Case {
  origin?: string
  basePath?: string
  hostHeader?: string
  /** Host as it went to the upstream. */
  sentHost?: string
  stripped?: string
  scheme?: string
}

const upstreamHost = 'shop.internal:9001'

function mapped(name: string, value: string, { origin = `http://${upstreamHost}`, basePath = '', hostHeader = upstreamHost, sentHost = upstreamHost, stripped = '', scheme = 'https' }: Case = {}): string | undefined {
  const fields = new HeaderFields([name, value])
  mapBack(fields, {
    request: { authority: 'api.example.com', headers: new HeaderFields(['Host', sentHost]) },
    client: { scheme },
    endpoint: { origin, basePath, hostHeader },
    route: { rewrite: { stripped } },
  })
  return fields.flat[1]
}

const location = (value: string, changes?: Case): string | undefined => mapped('Location', value, changes)
const cookie = (value: string, changes?: Case): string | undefined => mapped('Set-Cookie', value, changes)

describe('where an upstream sends its client', () => {
  it('its own address becomes the one that the client asked for', () => {
    assert.equal(location('http://shop.internal:9001/login?next=%2Fa#top'), 'https://api.example.com/login?next=%2Fa#top')
    assert.equal(location('HTTP://Shop.Internal:9001'), 'https://api.example.com')
    assert.equal(location('http://shop.internal/x', { origin: 'http://shop.internal:80', hostHeader: 'shop.internal:80', sentHost: 'shop.internal' }), 'https://api.example.com/x')
    assert.equal(mapped('content-location', 'http://shop.internal:9001/a.json'), 'https://api.example.com/a.json')
  })

  it('the host that it was told is its own too, and the scheme becomes the client\'s', () => {
    assert.equal(location('http://api.example.com/x', { sentHost: 'api.example.com' }), 'https://api.example.com/x')
  })

  it('other addresses stay: another host, another port, https where it is spoken to by http', () => {
    for (const other of ['http://id.example.com/login', 'http://shop.internal:9002/', '//shop.internal:9001/x', 'mailto:a@example.com', 'relative/path', '?page=2', '']) assert.equal(location(other), other)
    assert.equal(location('https://api.example.com/x', { sentHost: 'api.example.com', scheme: 'http' }), 'https://api.example.com/x')
  })

  it('a base path goes and a prefix that the route took off comes back', () => {
    assert.equal(location('/base/v2/x?y', { basePath: '/base' }), '/v2/x?y')
    assert.equal(location('/base', { basePath: '/base' }), '/')
    assert.equal(location('/basement/x', { basePath: '/base' }), '/basement/x')
    assert.equal(location('/login', { stripped: '/shop' }), '/shop/login')
    assert.equal(location('/', { stripped: '/shop' }), '/shop')
    assert.equal(location('http://shop.internal:9001/base/login', { basePath: '/base', stripped: '/shop' }), 'https://api.example.com/shop/login')
  })
})

describe('the cookies of an upstream', () => {
  it('of its own host are the gateway\'s host\'s, whatever else they say', () => {
    assert.equal(cookie('id=1; Domain=shop.internal; Secure; HttpOnly'), 'id=1; Secure; HttpOnly')
    assert.equal(cookie('id=1; domain=.Shop.Internal'), 'id=1')
    assert.equal(cookie('id="a=b"; Max-Age=3; SameSite=Lax'), 'id="a=b"; Max-Age=3; SameSite=Lax')
  })

  it('of the host that the client asked for, or of another, stay', () => {
    assert.equal(cookie('id=1; Domain=api.example.com', { sentHost: 'api.example.com' }), 'id=1; Domain=api.example.com')
    assert.equal(cookie('id=1; Domain=example.com'), 'id=1; Domain=example.com')
  })

  it('have the path that the client sees', () => {
    assert.equal(cookie('id=1; Path=/base/a', { basePath: '/base', stripped: '/shop' }), 'id=1; Path=/shop/a')
    assert.equal(cookie('id=1; path=/', { stripped: '/shop' }), 'id=1; Path=/shop')
    assert.equal(cookie('__Host-id=1; Path=/; Secure', { stripped: '/shop' }), '__Host-id=1; Path=/; Secure')
  })
})
