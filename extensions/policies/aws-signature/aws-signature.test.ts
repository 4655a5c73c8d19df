import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { awsKey, awsSignature, sha256, type SignedScope } from '@sluice/http'
import { exchangeOf, partsFor, refusalOf } from '../exchange.contract.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import * as module from './aws-signature.ts'
import { canonicalPath, canonicalQuery } from './canonical-request.ts'
import { schema } from './schema.ts'

const base = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', region: 'us-east-1', service: 's3' }
policyContract({ schema, module, from: import.meta.url, examples: [base], required: 'accessKeyId' })

const empty = sha256('')

suite('the signatures that AWS has published', () => {
  type Fields = (readonly [string, string])[]
  const suiteScope: SignedScope = { date: '20150830T123600Z', region: 'us-east-1', service: 'service' }
  const suiteSecret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
  const suiteFields: Fields = [['host', 'example.amazonaws.com'], ['x-amz-date', suiteScope.date]]
  // The suite's paths are raw, so that one escaping is the second one here.
  const cases: readonly (readonly [name: string, method: string, path: string, query: string, more: Fields, signature: string])[] = [
    ['get-vanilla', 'GET', '/', '', [], '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    ['post-vanilla', 'POST', '/', '', [], '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
    ['get-utf8', 'GET', '/ሴ', '', [], '8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85'],
    ['get-space', 'GET', '/example space/', '', [], '652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741'],
    ['get-unreserved', 'GET', '/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', '', [], '07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f'],
    ['get-vanilla-query-order-key-case', 'GET', '/', 'Param2=value2&Param1=value1', [], 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500'],
    ['get-vanilla-utf8-query', 'GET', '/', 'ሴ=bar', [], '2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04'],
    ['post-header-key-sort', 'POST', '/', '', [['my-header1', 'value1']], 'c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c'],
  ]
  for (const [name, method, path, query, more, signature] of cases) {
    test(`the test suite's ${name}`, () => {
      const fields = [...suiteFields, ...more].sort(([left], [right]) => (left < right ? -1 : 1))
      const parts = { method, path: canonicalPath(path, 's3'), query: canonicalQuery(query), fields, payloadHash: empty }
      assert.equal(awsSignature(parts, suiteScope, awsKey(suiteSecret, suiteScope)), signature)
    })
  }

  const s3: SignedScope = { date: '20130524T000000Z', region: 'us-east-1', service: 's3' }
  const body = sha256('Welcome to Amazon S3.')
  const s3Cases: readonly (readonly [name: string, method: string, path: string, query: string, more: Fields, payload: string, signature: string])[] = [
    ['GET Object', 'GET', '/test.txt', '', [['range', 'bytes=0-9']], empty, 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41'],
    ['PUT Object', 'PUT', '/test$file.text', '', [['date', 'Fri, 24 May 2013 00:00:00 GMT'], ['x-amz-storage-class', 'REDUCED_REDUNDANCY']], body, '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd'],
    ['GET Bucket Lifecycle', 'GET', '/', 'lifecycle', [], empty, 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'],
    ['GET Bucket (List Objects)', 'GET', '/', 'prefix=J&max-keys=2', [], empty, '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'],
  ]
  for (const [name, method, path, query, more, payloadHash, signature] of s3Cases) {
    test(`the S3 documentation's ${name}`, () => {
      const own: Fields = [['host', 'examplebucket.s3.amazonaws.com'], ['x-amz-content-sha256', payloadHash], ['x-amz-date', s3.date]]
      const fields = [...own, ...more].sort(([left], [right]) => (left < right ? -1 : 1))
      assert.equal(awsSignature({ method, path: canonicalPath(path, 's3'), query: canonicalQuery(query), fields, payloadHash }, s3, awsKey(base.secretAccessKey, s3)), signature)
    })
  }
})

test('a path is escaped once for S3 and twice for the others, however it was spelled; a slash that is escaped stays one', () => {
  for (const path of ["/a b/(c)'!*%2Fd", '/a%20b/%28c%29%27%21%2A%2fd']) {
    assert.equal(canonicalPath(path, 's3'), '/a%20b/%28c%29%27%21%2A%2Fd')
    assert.equal(canonicalPath(path, 'lambda'), '/a%2520b/%2528c%2529%2527%2521%252A%252Fd')
  }
})

test('a query is put in order by name and then by value, with one spelling', () => {
  assert.equal(canonicalQuery('b=2&a=z&a=A&c&%61=%2b+x&'), 'a=%2B%20x&a=A&a=z&b=2&c=')
  assert.equal(canonicalQuery(''), '')
})

suite('what the upstream is sent', () => {
  /** The documentation's GET Bucket (List Objects), as a client asks for it. */
  const ask = (settings: object = {}, changes: Parameters<typeof exchangeOf>[0] = {}) => {
    const exchange = exchangeOf({ path: '/', query: 'prefix=J&max-keys=2', headers: ['Host', 'examplebucket.s3.amazonaws.com', 'Authorization', 'Bearer of-the-client', 'X-Amz-Date', 'forged'], ...changes })
    const clock = { now: () => Date.parse('2013-05-24T00:00:00Z'), monotonic: () => 0 }
    const policy = module.compile(settingsOf(schema, { ...base, ...settings }), partsFor('aws-signature', { clock }))
    return { exchange, policy, result: policy.onRequest!(exchange), send: () => policy.onAttempt!(exchange, exchange.request.headers, `${exchange.request.path}?${exchange.request.query}`) }
  }

  test('is signed for its endpoint and time, and what the client claimed is gone', () => {
    const { exchange, result, send } = ask()
    assert.equal(result, undefined)
    send()
    const { headers, query } = exchange.request
    assert.deepEqual([query, headers.getAll('x-amz-date'), headers.get('x-amz-content-sha256')], ['max-keys=2&prefix=J', ['20130524T000000Z'], empty])
    assert.deepEqual(headers.getAll('authorization'), [
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    ])
    send()
    assert.equal(headers.getAll('authorization').length, 1)
  })

  test('temporary credentials are shown and signed', () => {
    const { exchange, send } = ask({ sessionToken: 'temporary' })
    send()
    assert.equal(exchange.request.headers.get('x-amz-security-token'), 'temporary')
    assert.match(exchange.request.headers.get('authorization')!, /SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,/)
  })

  test('a body is read ahead and signed, or passes unsigned', async () => {
    const hashed = ask({}, { method: 'PUT', declaredBytes: undefined, body: 'Welcome to Amazon S3.' })
    assert.equal(await hashed.result, undefined)
    const { headers } = hashed.exchange.request
    assert.deepEqual([headers.get('x-amz-content-sha256'), headers.get('content-length')], [sha256('Welcome to Amazon S3.'), '21'])
    const unsigned = ask({ payload: 'unsigned' }, { method: 'PUT', declaredBytes: undefined })
    assert.equal(unsigned.result, undefined)
    assert.equal(unsigned.exchange.request.headers.get('x-amz-content-sha256'), 'UNSIGNED-PAYLOAD')
  })

  test('a body that is too long to be read ahead is 413', async () => {
    assert.equal((await refusalOf(ask({}, { method: 'PUT', declaredBytes: 9e9 }).result)).code, 'client.body_too_large')
  })
})

test('a region or service that is none is a problem at check', () => {
  for (const [name, value] of [['region', 'EU'], ['service', 's3/x'], ['accessKeyId', '']]) assert.notDeepEqual(problemsOf(schema, { ...base, [name!]: value }), [])
})
