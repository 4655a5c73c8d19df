/**
 * Where routes stand in their list, by name: an edit of one among ten thousand must not look at each. Places are handed on
 * from a list to those that are made of it, which share them; so what is found is looked at before it is believed.
 */
type Routes = readonly { readonly name: string }[]

const placesOf = new WeakMap<Routes, Map<string, number>>()

/** -1 when there is none of that name. */
export function placeOfRoute(routes: Routes, name: string): number {
  const known = placesOf.get(routes) ?? placesIn(routes)
  const place = known.get(name)
  if (place === undefined) return -1
  return routes[place]?.name === name ? place : routes.findIndex((route) => route.name === name)
}

/** With the route in that place, which the one that it replaces has, or at the end (-1). */
export function withRoute<R extends { readonly name: string }>(routes: readonly R[], place: number, route: R): R[] {
  const known = placesOf.get(routes) ?? placesIn(routes)
  if (place === -1) known.set(route.name, routes.length)
  const made = place === -1 ? [...routes, route] : routes.with(place, route)
  // Edits that came to nothing leave their names behind: with too many of those the next who asks begins anew.
  if (known.size <= 2 * made.length) placesOf.set(made, known)
  else placesOf.delete(routes)
  return made
}

function placesIn(routes: Routes): Map<string, number> {
  const places = new Map<string, number>()
  for (const [place, { name }] of routes.entries()) if (!places.has(name)) places.set(name, place)
  placesOf.set(routes, places)
  return places
}
