// Who may import whom. `npm run check` runs these rules; each carries its reason, which is printed when it is broken.
'use strict'

const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to })

const TEST_SIDE = ['\\.(test|contract|long)\\.ts$', '^(?!node_modules).*/test/', '^packages/testkit/', '^e2e/']

const everywhere = [
  rule('no-cycles', 'Modules that import each other can be neither read nor changed alone. Types count, too: a shared type has a home of its own.', {}, { circular: true }),
  rule('no-unresolved', 'An import that does not resolve fails at run time; a deep import past a package\'s `exports` does not resolve.', {}, { couldNotResolve: true }),
  rule(
    'no-orphans',
    'A module that nothing imports and that starts nothing is dead.',
    { orphan: true, path: '^(proto|packages|extensions|services|cli|console)/', pathNot: ['\\.(test|long|d)\\.ts$', '/main\\.ts$', '\\.worker\\.ts$', '/index\\.ts$', '_pb\\.ts$'] },
    {},
  ),
  rule('no-undeclared-package', 'A package that the importing workspace does not declare is there by chance, and gone when another stops using it.', { path: '^(proto|packages|extensions|services|cli|console|e2e)/', pathNot: '\\.(test|contract|long)\\.ts$|/test/' }, { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] }),
  rule('tests-name-no-unknown-package', 'A test may use the root\'s development packages, nothing that nobody declares.', { path: '\\.(test|contract|long)\\.ts$|/test/' }, { dependencyTypes: ['npm-unknown'] }),
]

const layers = [
  rule('proto-is-a-leaf', 'What processes agree on must not depend on how one of them is built.', { path: '^proto/' }, { path: '^(packages|extensions|services|cli|e2e)/' }),
  rule('packages-below-extensions', 'Packages are shared by everything above; an import upwards would pull a service into each of them.', { path: '^packages/', pathNot: TEST_SIDE }, { path: '^(extensions|services|cli|e2e)/' }),
  rule('extensions-below-services', 'An extension works in any service that offers its contract, so it knows none.', { path: '^extensions/' }, { path: '^(services|cli|e2e)/' }),
  rule('console-knows-the-api-only', 'The console is a client of the admin API like any other; what it imported of the gateway would have to run in a browser.', { path: '^console/' }, { path: '^(proto|packages|extensions|services|cli|e2e)/' }),
  rule('console-runs-in-browsers', 'Browsers are given these files as they are, with the one library that console-files.ts knows.', { path: '^console/web/', pathNot: TEST_SIDE }, { path: '.', pathNot: ['^console/web/', '^node_modules/preact/'] }),
  rule('services-below-the-command', 'The command starts services; a service that imported it could not be started alone.', { path: '^services/' }, { path: '^(cli|e2e)/' }),
]

const extensions = [
  rule(
    'extension-is-an-island',
    'An extension is added and removed as a folder: it may use its own files and the contract files of its kind, not the list and not its neighbours.',
    // What stands in a kind's test/ is about several of them.
    { path: '^extensions/([^/]+)/(?!test/)([^/]+)/' },
    { path: '^extensions/', pathNot: ['^extensions/$1/$2/', '^extensions/$1/(?!index\\.ts)[^/]+\\.ts$'] },
  ),
  rule('kind-stays-in-kind', 'A kind\'s contract stands for itself; two kinds that need the same thing share it through a package.', { path: '^extensions/([^/]+)/[^/]+\\.ts$' }, { path: '^extensions/', pathNot: '^extensions/$1/' }),
  rule('service-names-no-extension', 'A service asks the kind for the one its settings name; naming one would load its driver everywhere.', { path: '^services/', pathNot: TEST_SIDE }, { path: '^extensions/[^/]+/[^/]+/' }),
]

const services = [
  rule('services-talk-over-the-bus', 'Services run in processes of their own; a call that imports another service works in embedded mode only.', { path: '^services/(?!all-in-one/)([^/]+)/', pathNot: TEST_SIDE }, { path: '^services/', pathNot: '^services/$1/' }),
  rule('all-in-one-uses-front-doors', 'The embedded mode holds no logic: it starts what the distributed mode starts, by the same door.', { path: '^services/all-in-one/', pathNot: TEST_SIDE }, { path: '^services/(?!all-in-one/)', pathNot: '/src/service\\.ts$' }),
  rule(
    'rooms-meet-in-the-pipeline',
    'A phase of the request\'s walk knows the exchange and not its neighbours; pipeline.ts is where they meet. Types are free.',
    { path: '^services/edge/src/([^/]+)/', pathNot: '\\.test\\.ts$' },
    { path: '^services/edge/src/', pathNot: ['^services/edge/src/$1/', '^services/edge/src/[^/]+\\.ts$'], dependencyTypesNot: ['type-only'] },
  ),
]

const libraries = [
  rule(
    'client-libraries-stay-home',
    'A driver is loaded only by the process whose settings name it, so only its extension imports it.',
    { pathNot: ['^extensions/[^/]+/[^/]+/', '^packages/databases/', '/test/', '^e2e/', '\\.(test|long)\\.ts$'] },
    { path: 'node_modules/(ioredis|cassandra-driver|nats|@nats-io|pg|@duckdb|@clickhouse)/' },
  ),
  rule('threads-stay-in-the-verifier', 'One thread pool with one size: two would compete for the cores of the edge.', { pathNot: '^packages/verifier/' }, { path: 'node_modules/piscina/' }),
  rule('source-never-imports-tests', 'What a test uses is not installed in production.', { path: '^(proto|services|extensions|packages|cli|console)/', pathNot: TEST_SIDE }, { path: [...TEST_SIDE, '^(infra|tools|loadtest)/'] }),
]

module.exports = {
  forbidden: [...everywhere, ...layers, ...extensions, ...services, ...libraries],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(\\.cache|\\.sluice|dist)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'import', 'default'] },
  },
}
