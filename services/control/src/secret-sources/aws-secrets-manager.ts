/**
 * `aws-sm:NAME-or-ARN[#FIELD]`: AWS Secrets Manager (`GetSecretValue`), a field being one of a secret that is JSON. The region is
 * the ARN's, else `AWS_REGION`; credentials are `AWS_ACCESS_KEY_ID` and its companions, else what the endpoint for containers
 * (ECS, EKS Pod Identity) gives out. `AWS_ENDPOINT_URL_SECRETS_MANAGER` or `AWS_ENDPOINT_URL` name another server.
 */
import { AwsCredentialChain, signPost } from '@sluice/http'
import { askJson, at } from './ask-json.ts'
import { requireEncrypted } from './require-encrypted.ts'
import type { Environment } from './secret-source.ts'
import { NoSuchSecret, type StoredSecret } from './stored-secrets.ts'

export function awsSecretsManagerOf(environment: Environment): (name: string) => Promise<StoredSecret> {
  const credentials = new AwsCredentialChain(environment)
  return async (name) => {
    const region = /^arn:[^:]*:secretsmanager:([^:]+):/.exec(name)?.[1] ?? environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION']
    if (!region) throw new Error('AWS_REGION is not set')
    const url = endpointOf(region, environment)
    const body = JSON.stringify({ SecretId: name })
    const headers = signPost(
      { url, body, region, service: 'secretsmanager', headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'secretsmanager.GetSecretValue' } },
      await credentials.current(askContainer),
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

async function askContainer(url: URL, headers: Record<string, string>): Promise<unknown> {
  const { status, body } = await askJson({ url, headers })
  if (status !== 200) throw new Error(`the endpoint for containers answered ${status}`)
  return body
}
