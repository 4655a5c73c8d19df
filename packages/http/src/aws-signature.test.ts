import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signPost } from './aws-signature.ts'

// `post-x-www-form-urlencoded` of AWS's Signature Version 4 test suite.
test('a request is signed as in the suite that AWS has published', () => {
  const headers = signPost(
    { url: new URL('https://example.amazonaws.com/'), headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'Param1=value1', region: 'us-east-1', service: 'service' },
    { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
    new Date('2015-08-30T12:36:00Z'),
  )
  assert.equal(headers['authorization'], 'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a')
})

test('a session token is sent and signed', () => {
  const headers = signPost({ url: new URL('https://secretsmanager.eu-west-1.amazonaws.com/'), headers: {}, body: '{}', region: 'eu-west-1', service: 'secretsmanager' }, { accessKeyId: 'A', secretAccessKey: 'S', sessionToken: 'T' }, new Date(0))
  assert.equal(headers['x-amz-security-token'], 'T')
  assert.match(headers['authorization']!, /SignedHeaders=host;x-amz-date;x-amz-security-token/)
})
