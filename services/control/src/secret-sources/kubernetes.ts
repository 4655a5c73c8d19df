/**
 * `k8s:[NAMESPACE/]NAME#KEY`: a Secret of Kubernetes (`GET /api/v1/namespaces/NAMESPACE/secrets/NAME`). In a pod the server, its
 * authority, the token and the namespace are those of the service account, which needs the verb `get` on the secret; outside,
 * `SLUICE_KUBERNETES_URL`, `_CA` and `_TOKEN_FILE` name them. The token is read at each question: the kubelet renews it.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { askJson, at } from './ask-json.ts'
import { requireEncrypted } from './require-encrypted.ts'
import type { Environment } from './secret-source.ts'
import { NoSuchSecret, type StoredSecret } from './stored-secrets.ts'

const podDirectory = '/var/run/secrets/kubernetes.io/serviceaccount'

export function kubernetesOf(environment: Environment): (path: string) => Promise<StoredSecret> {
  const { SLUICE_KUBERNETES_CA, SLUICE_KUBERNETES_TOKEN_FILE = join(podDirectory, 'token') } = environment
  return async (path) => {
    const url = serverOf(environment)
    const [name = '', namespace = (await readFile(join(podDirectory, 'namespace'), 'utf8')).trim()] = path.split('/', 2).reverse()
    const token = (await readFile(SLUICE_KUBERNETES_TOKEN_FILE, 'utf8')).trim()
    const ca = url.protocol === 'https:' ? await readFile(SLUICE_KUBERNETES_CA ?? join(podDirectory, 'ca.crt'), 'utf8') : undefined
    url.pathname = `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(name)}`
    const { status, body } = await askJson({ url, headers: { authorization: `Bearer ${token}` }, ca })
    if (status === 404) throw new NoSuchSecret()
    if (status !== 200) throw new Error(`it answered ${status}`)
    return { fields: decoded(at(body, 'data')) }
  }
}

function serverOf(environment: Environment): URL {
  const { SLUICE_KUBERNETES_URL, KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT = '443' } = environment
  if (SLUICE_KUBERNETES_URL) return requireEncrypted(SLUICE_KUBERNETES_URL, 'SLUICE_KUBERNETES_URL', environment)
  if (!KUBERNETES_SERVICE_HOST) throw new Error('this is no pod, and SLUICE_KUBERNETES_URL is not set')
  const host = KUBERNETES_SERVICE_HOST.includes(':') ? `[${KUBERNETES_SERVICE_HOST}]` : KUBERNETES_SERVICE_HOST
  return new URL(`https://${host}:${KUBERNETES_SERVICE_PORT}`)
}

function decoded(data: unknown): Record<string, unknown> {
  const entries = typeof data === 'object' && data !== null ? Object.entries(data) : []
  return Object.fromEntries(entries.map(([key, value]) => [key, typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : value]))
}
