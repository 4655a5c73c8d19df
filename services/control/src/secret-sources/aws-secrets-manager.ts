/**
 * `aws-sm:NAME-or-ARN[#FIELD]`: AWS Secrets Manager (`GetSecretValue`), a field being one of a secret that is JSON. The region is
 * the ARN's, else `AWS_REGION`; credentials are `AWS_ACCESS_KEY_ID` and its companions, else what the endpoint for containers
 * (ECS, EKS Pod Identity) gives out. `AWS_ENDPOINT_URL_SECRETS_MANAGER` or `AWS_ENDPOINT_URL` name another server.
 */
import { readFile } from 'node:fs/promises'
import { type AwsCredentials, signPost } from '@sluice/http'
import { askJson, at } from './ask-json.ts'
import { requireEncrypted } from './require-encrypted.ts'
import type { Environment } from './secret-source.ts'
import { NoSuchSecret, type StoredSecret } from './stored-secrets.ts'

export function awsSecretsManagerOf(environment: Environment): (name: string) => Promise<StoredSecret> {
  return async (name) => {
    const region = /^arn:[^:]*:secretsmanager:([^:]+):/.exec(name)?.[1] ?? environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION']
    if (!region) throw new Error('AWS_REGION is not set')
    const url = endpointOf(region, environment)
    const body = JSON.stringify({ SecretId: name })
    const headers = signPost(
      { url, body, region, service: 'secretsmanager', headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'secretsmanager.GetSecretValue' } },
      await credentialsOf(environment),
      new Date(),
    )
    const answer = await askJson({ url, method: 'POST', headers, body })
    return secretOf(answer.status, answer.body)
  }
}

function secretOf(status: number, body: unknown): StoredSecret {
  const [text, binary, fault] = [at(body, 'SecretString'), at(body, 'SecretBinary'), at(body, '__type')]
  if (status === 200 && typeof text === 'string') return { text }
  if (status === 200 && typeof binary === 'string') return { text: Buffer.from(binary, 'base64').toString('utf8') }
  const code = typeof fault === 'string' ? fault.split('#').at(-1)! : ''
  if (code === 'ResourceNotFoundException') throw new NoSuchSecret()
  throw new Error(`it answered ${status}${code === '' ? '' : ` ${code}`}`)
}

function endpointOf(region: string, environment: Environment): URL {
  const setting = ['AWS_ENDPOINT_URL_SECRETS_MANAGER', 'AWS_ENDPOINT_URL'].find((name) => environment[name])
  if (setting !== undefined) return requireEncrypted(environment[setting]!, setting, environment)
  return new URL(`https://secretsmanager.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}/`)
}

async function credentialsOf(environment: Environment): Promise<AwsCredentials> {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = environment
  if (AWS_ACCESS_KEY_ID && AWS_SECRET_ACCESS_KEY) return { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY, sessionToken: AWS_SESSION_TOKEN }
  const { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, AWS_CONTAINER_CREDENTIALS_FULL_URI, AWS_CONTAINER_AUTHORIZATION_TOKEN, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE } = environment
  const uri = AWS_CONTAINER_CREDENTIALS_RELATIVE_URI ? `http://169.254.170.2${AWS_CONTAINER_CREDENTIALS_RELATIVE_URI}` : AWS_CONTAINER_CREDENTIALS_FULL_URI
  if (!uri || !URL.canParse(uri)) throw new Error('there are no credentials: neither AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY nor an endpoint for containers is set')
  const token = AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE ? (await readFile(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, 'utf8')).trim() : AWS_CONTAINER_AUTHORIZATION_TOKEN
  const { status, body } = await askJson({ url: new URL(uri), headers: token ? { authorization: token } : {} })
  const [accessKeyId, secretAccessKey, sessionToken] = [at(body, 'AccessKeyId'), at(body, 'SecretAccessKey'), at(body, 'Token')]
  if (status !== 200 || typeof accessKeyId !== 'string' || typeof secretAccessKey !== 'string') throw new Error(`the endpoint for containers answered ${status}`)
  return { accessKeyId, secretAccessKey, sessionToken: typeof sessionToken === 'string' ? sessionToken : undefined }
}
