/** A configuration of as many routes as wanted, a hundred to a host: what a gateway of many teams looks like. */
const routesPerHost = 100

export function manyRoutes(count: number): { upstreams: Record<string, object>; routes: { name: string }[] } {
  const upstreams: Record<string, object> = {}
  for (let index = 0; index < Math.min(count, 50); index++) upstreams[`service-${index}`] = { endpoints: [{ url: `http://127.0.0.1:${9100 + index}` }] }
  const routes = Array.from({ length: count }, (_, index) => ({
    name: `route-${index}`,
    match: { hosts: [`host-${Math.floor(index / routesPerHost)}.example.com`], path: `/api/v1/resource-${index % routesPerHost}/{id}`, methods: ['GET', 'POST'] },
    upstream: `service-${index % 50}`,
    policies: [{ cors: { origins: ['https://app.example.com'] } }],
  }))
  return { upstreams, routes }
}
