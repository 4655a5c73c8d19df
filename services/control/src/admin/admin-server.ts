/** The admin API: routes under one roof of tokens, problems, audit and their OpenAPI description. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import swagger from '@fastify/swagger'
import { listenProblem, parseAddress, urlOf, version } from '@sluice/service-kit'
import fastify, { type FastifyServerOptions } from 'fastify'
import { jsonSchemaTransform, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import { type Access, requireRole } from './access.ts'
import type { AdminParts } from './admin-parts.ts'
import { keepAuditTrail } from './audit-trail.ts'
import { isForTheBus, openBusDoor } from './bus-door.ts'
import { acceptYaml, maxBodyBytes } from './bodies.ts'
import { replyWithProblems } from './error-replies.ts'
import type { AdminApp } from './fastify-types.ts'
import { addBackupRoutes } from './routes/backup-routes.ts'
import { addBreakGlassRoutes } from './routes/break-glass-routes.ts'
import { addCacheRoutes } from './routes/cache-routes.ts'
import { addCertificateRoutes } from './routes/certificate-routes.ts'
import { addConfigRoutes } from './routes/config-routes.ts'
import { addConsoleRoutes } from './routes/console-routes.ts'
import { addConsumerRoutes } from './routes/consumer-routes.ts'
import { addCredentialRoutes } from './routes/credential-routes.ts'
import { addDocumentRoutes } from './routes/document-routes.ts'
import { addEdgeRoutes } from './routes/edge-routes.ts'
import { addEndpointRoutes } from './routes/endpoint-routes.ts'
import { addCircuitRoutes } from './routes/circuit-routes.ts'
import { addLimitRoutes } from './routes/limit-routes.ts'
import { addEventRoutes } from './routes/event-routes.ts'
import { addQuotaRoutes } from './routes/quota-routes.ts'
import { addResourceRoutes } from './routes/resource-routes.ts'
import { addRevocationRoutes } from './routes/revocation-routes.ts'
import { addRevisionRoutes } from './routes/revision-routes.ts'
import { addStatusRoutes } from './routes/status-routes.ts'
import { addUsageRoutes } from './routes/usage-routes.ts'

export interface AdminAddress {
  readonly address: string
  /** Where the address was set, for the message when it is taken. */
  readonly setting: string
  /** PEM; left out, the API is plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined
}

export interface AdminServer {
  /** Rejects with one line that names address and setting when it cannot listen. */
  listen(): Promise<void>
  /** Takes no more requests and lets those that run end; the rest is cut off after `deadlineMs`. */
  close(deadlineMs: number): Promise<void>
  url(): string
}

const bodyTimeoutMs = 120_000

export async function createAdminServer(parts: AdminParts, at: AdminAddress): Promise<AdminServer> {
  const app = makeApp(at)
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: 'Sluice admin API', version }, components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } }, security: [{ token: [] }] },
    transform: jsonSchemaTransform,
  })
  replyWithProblems(app, parts.logger)
  acceptYaml(app)
  admitByToken(app, parts)
  keepAuditTrail(app, parts)
  for (const add of [addResourceRoutes, addCertificateRoutes, addConfigRoutes, addRevisionRoutes, addConsumerRoutes, addQuotaRoutes, addEventRoutes, addCredentialRoutes, addRevocationRoutes, addEdgeRoutes, addEndpointRoutes, addUsageRoutes, addLimitRoutes, addCircuitRoutes, addCacheRoutes, addBreakGlassRoutes, addStatusRoutes, addBackupRoutes, addDocumentRoutes, addConsoleRoutes]) add(app, parts)
  await app.ready()
  const closeDoor = openBusDoor(app.server, parts)
  return {
    listen: () => listen(app, at),
    close: (deadlineMs) => {
      closeDoor()
      return close(app, deadlineMs)
    },
    url: () => urlOf(listening(app, at), at.tls === undefined ? 'http' : 'https'),
  }
}

function makeApp({ tls }: AdminAddress): AdminApp {
  const options: FastifyServerOptions = {
    bodyLimit: maxBodyBytes,
    requestTimeout: bodyTimeoutMs,
    genReqId: () => randomUUID(),
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 300 },
  }
  const server = { shouldUpgradeCallback: isForTheBus }
  const app = fastify({ ...options, ...(tls === undefined ? { http: server } : { https: { ...server, ...tls } }) } as FastifyServerOptions).withTypeProvider<ZodTypeProvider>()
  // Bodies are checked by the handlers, in the words of the configuration's own check.
  app.setValidatorCompiler((route) => (route.httpPart === 'body' ? () => true : validatorCompiler(route as Parameters<typeof validatorCompiler>[0])))
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  return app as unknown as AdminApp
}

function admitByToken(app: AdminApp, { tokens }: AdminParts): void {
  app.decorateRequest('principal', undefined)
  app.decorateRequest('outcome', undefined)
  app.decorateRequest('isTrial', false)
  app.addHook('onRequest', async (request) => {
    const access = request.is404 ? 'open' : (request.routeOptions.config.access ?? usualAccess(request.method))
    if (access === 'open') return
    request.principal = tokens.identify(request.headers.authorization)
    requireRole(request.principal, access)
  })
}

function usualAccess(method: string): Access {
  return method === 'GET' || method === 'HEAD' ? 'viewer' : 'operator'
}

async function listen(app: AdminApp, { address, setting }: AdminAddress): Promise<void> {
  const target = parseAddress(address)
  try {
    if ('path' in target) await listenOnPath(app, target.path)
    else await listenOnPort(app, target.port, target.host)
  } catch (error) {
    throw new Error(listenProblem(error, address, setting), { cause: error })
  }
}

/** Without a host: every address of both families, or of IPv4 where there is no other. */
async function listenOnPort(app: AdminApp, port: number, host: string | undefined): Promise<void> {
  try {
    await app.listen({ port, host: host ?? '::' })
  } catch (error) {
    if (host !== undefined || (error as NodeJS.ErrnoException).code !== 'EAFNOSUPPORT') throw error
    await app.listen({ port, host: '0.0.0.0' })
  }
}

/** A process that was killed leaves its socket behind; one at which nobody answers is in nobody's use. */
async function listenOnPath(app: AdminApp, path: string): Promise<void> {
  if (await isAbandoned(path)) unlinkSync(path)
  await app.listen({ path })
}

async function isAbandoned(path: string): Promise<boolean> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'
  } finally {
    socket.destroy()
  }
}

function listening(app: AdminApp, { address }: AdminAddress): ReturnType<typeof parseAddress> {
  const target = parseAddress(address)
  const bound = app.server.address()
  return 'path' in target || typeof bound !== 'object' || bound === null ? target : { ...target, port: bound.port }
}

async function close(app: AdminApp, deadlineMs: number): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), deadlineMs)
  await app.close()
  clearTimeout(cut)
}
