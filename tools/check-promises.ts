// A promise that can fail is awaited, returned, or has a named owner (`void`, `.catch`): a statement that leaves
// one behind turns a failure into an unhandled rejection somewhere else. The linter has no types; TypeScript's
// own checker does.
import { dirname, relative, resolve } from 'node:path'
import ts from 'typescript'

/** One line for each statement that drops a promise. */
export function findFloatingPromises(root: string, configFile: string): string[] {
  const { config } = ts.readConfigFile(configFile, (path) => ts.sys.readFile(path))
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, dirname(resolve(root, configFile)))
  const program = ts.createProgram(fileNames, { ...options, noLib: false, skipLibCheck: true })
  const checker = program.getTypeChecker()
  const found: string[] = []
  for (const source of program.getSourceFiles()) {
    if (source.isDeclarationFile || source.fileName.includes('node_modules')) continue
    const isTest = /\.(test|contract)\.ts$/.test(source.fileName)
    const visit = (node: ts.Node): void => {
      if (ts.isExpressionStatement(node) && dropsPromise(checker, node.expression, isTest)) {
        const { line } = source.getLineAndCharacterOfPosition(node.getStart(source))
        found.push(`${relative(root, source.fileName)}:${line + 1}: ${node.getText(source).replaceAll(/\s+/g, ' ').slice(0, 100)}`)
      }
      ts.forEachChild(node, visit)
    }
    visit(source)
  }
  return found
}

/** A test may leave alone what answers at once or by a promise: it knows which of the two it has made happen. */
function dropsPromise(checker: ts.TypeChecker, expression: ts.Expression, isTest: boolean): boolean {
  if (!ts.isCallExpression(expression) || isTestCall(expression) || hasRejectionHandler(expression)) return false
  const type = checker.getTypeAtLocation(expression)
  const parts = type.isUnion() ? type.types : [type]
  const isPromise = (part: ts.Type) => part.getProperty('then') !== undefined && part.getProperty('catch') !== undefined
  return isTest ? parts.every(isPromise) : parts.some(isPromise)
}

/** The runner of node:test owns what `test` and its like return at the top of a file. */
function isTestCall({ expression, parent }: ts.CallExpression): boolean {
  const name = ts.isPropertyAccessExpression(expression) ? expression.expression : expression
  const isRunner = ts.isIdentifier(name) && ['test', 'it', 'suite', 'describe'].includes(name.text)
  return isRunner && parent !== undefined
}

/** A chain is owned once it has taken a rejection handler; `finally` after that changes nothing. */
function hasRejectionHandler({ expression, arguments: given }: ts.CallExpression): boolean {
  if (!ts.isPropertyAccessExpression(expression)) return false
  const { name, expression: base } = expression
  if (name.text === 'catch' || (name.text === 'then' && given.length > 1)) return true
  return name.text === 'finally' && ts.isCallExpression(base) && hasRejectionHandler(base)
}

if (import.meta.main) {
  const found = ['tsconfig.json', 'console/tsconfig.json'].flatMap((configFile) => findFloatingPromises(process.cwd(), configFile))
  for (const line of found) console.log(`${line}\n    a promise is dropped here: await it, return it, or give it an owner (void, .catch)`)
  process.exitCode = found.length > 0 ? 1 : 0
}
