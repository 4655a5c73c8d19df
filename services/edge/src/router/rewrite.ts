import type { Route } from '@sluice/proto/config'

/** Gives the path to send upstream. */
export interface Rewrite {
  readonly pathFor: (path: string, parameters: Readonly<Record<string, string>>) => string
  /** What it takes off the front of a path, without a slash at the end; empty when it does something else. */
  readonly stripped: string
}

type PathFor = Rewrite['pathFor']

/** Undefined when the route sends the path as it is. */
export function compileRewrite(rewrite: Route['rewrite']): Rewrite | undefined {
  if (rewrite === undefined) return undefined
  if (rewrite.stripPrefix === undefined) return { pathFor: fillTemplate(rewrite.path!), stripped: '' }
  const stripped = rewrite.stripPrefix.endsWith('/') ? rewrite.stripPrefix.slice(0, -1) : rewrite.stripPrefix
  return { pathFor: stripPrefix(stripped), stripped }
}

function stripPrefix(bare: string): PathFor {
  return (path) => {
    if (!path.startsWith(bare)) return path
    const rest = path.slice(bare.length)
    return rest === '' ? '/' : rest.startsWith('/') ? rest : path
  }
}

function fillTemplate(template: string): PathFor {
  const parts = template.split(/\{([^}]+?)\*?\}/)
  return (_path, parameters) => {
    let filled = parts[0]!
    for (let index = 1; index < parts.length; index += 2) filled += (parameters[parts[index]!] ?? '') + parts[index + 1]!
    return filled
  }
}
