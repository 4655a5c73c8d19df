import type { Route } from '@sluice/proto/config'

/** Gives the path to send upstream. */
export type Rewrite = (path: string, parameters: Readonly<Record<string, string>>) => string

/** Undefined when the route sends the path as it is. */
export function compileRewrite(rewrite: Route['rewrite']): Rewrite | undefined {
  if (rewrite === undefined) return undefined
  if (rewrite.stripPrefix !== undefined) return stripPrefix(rewrite.stripPrefix)
  return fillTemplate(rewrite.path!)
}

function stripPrefix(prefix: string): Rewrite {
  const bare = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix
  return (path) => {
    if (!path.startsWith(bare)) return path
    const rest = path.slice(bare.length)
    return rest === '' ? '/' : rest.startsWith('/') ? rest : path
  }
}

function fillTemplate(template: string): Rewrite {
  const parts = template.split(/\{([^}]+?)\*?\}/)
  return (_path, parameters) => {
    let filled = parts[0]!
    for (let index = 1; index < parts.length; index += 2) filled += (parameters[parts[index]!] ?? '') + parts[index + 1]!
    return filled
  }
}
