'use strict'
// Brings node_modules in line with package-lock.json before a script of package.json runs, and does nothing when it
// is already. Runs on the system's Node (20 or newer) with nothing installed: plain CommonJS, no dependency.
// `--omit=dev`: what running needs is enough. What is already there is never taken away for that.
const { spawnSync } = require('node:child_process')
const { existsSync, readFileSync } = require('node:fs')
const { join } = require('node:path')

/** Why `root`/node_modules is not what package-lock.json asks for, or undefined when it is. */
function findReason(root, withDev) {
  const wanted = readPackages(join(root, 'package-lock.json'))
  const installed = readPackages(join(root, 'node_modules/.package-lock.json'))
  if (!wanted) return 'there is no readable package-lock.json'
  if (!installed) return 'nothing is installed'
  if (!['node', 'node.exe', 'node.cmd'].some((name) => existsSync(join(root, 'node_modules/.bin', name)))) return 'Node itself is not installed'
  for (const [path, entry] of Object.entries(wanted)) {
    const reason = path.includes('node_modules/') ? compareInstalled(root, path, entry, installed[path], withDev) : checkManifest(root, path, withDev)
    if (reason) return reason
  }
  return undefined
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages
  } catch {
    return undefined
  }
}

function compareInstalled(root, path, wanted, installed, withDev) {
  const isOptional = Boolean(wanted.optional || wanted.devOptional) // meant for another platform, perhaps
  if (!installed) return isOptional || (wanted.dev && !withDev) ? undefined : `${path} is not installed`
  if (installed.version !== wanted.version) return `${path} is ${installed.version}, not ${wanted.version}`
  if (wanted.integrity && installed.integrity && installed.integrity !== wanted.integrity) return `${path} has another content`
  return existsSync(join(root, path, 'package.json')) ? undefined : `${path} is missing`
}

/** A workspace, or the root: package.json may ask for packages that the lock does not know yet. */
function checkManifest(root, path, withDev) {
  let manifest
  try {
    manifest = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8'))
  } catch {
    return `${path}/package.json is missing`
  }
  const wanted = { ...manifest.dependencies, ...(withDev ? manifest.devDependencies : {}) }
  const absent = Object.keys(wanted).find((name) => ![path, ''].some((place) => existsSync(join(root, place, 'node_modules', name, 'package.json'))))
  return absent && `${absent}, which ${join(path, 'package.json')} asks for, is not installed`
}

/** Whether packages for development are there, which an install without them would remove. */
function hasDev(root) {
  const wanted = readPackages(join(root, 'package-lock.json')) || {}
  const installed = readPackages(join(root, 'node_modules/.package-lock.json')) || {}
  return Object.keys(installed).some((path) => wanted[path] && wanted[path].dev)
}

/** Runs npm; returns undefined when that went well, else what it said. */
function runNpm(root, command, withDev) {
  const args = [...command, '--loglevel=error', '--no-audit', '--no-fund', ...(withDev ? ['--include=dev'] : ['--omit=dev'])]
  const viaNode = process.env.npm_execpath // set when npm runs us: the same npm, whatever PATH says
  const options = { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8', maxBuffer: 1 << 26 }
  const result = viaNode ? spawnSync(process.execPath, [viaNode, ...args], options) : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' })
  if (result.error) return `npm could not be started: ${result.error.message}`
  return result.status === 0 ? undefined : `${result.stdout}${result.stderr}`
}

function install(root, withDev) {
  // `npm ci` refuses a lock made on another platform when it lacks optional packages of this one.
  const refusal = runNpm(root, ['ci'], withDev)
  if (refusal === undefined) return true
  // Without --no-save the lock would be rewritten by whatever npm the machine has.
  const failure = runNpm(root, ['install', '--no-save'], withDev)
  if (failure === undefined) return true
  console.error(`bootstrap: npm could not install what package.json asks for.\n\nnpm ci:\n${refusal.split('\n', 3).join('\n')}\nnpm install:\n${failure}\nbootstrap: is the registry reachable, and is there room on the disk?`)
  return false
}

function bootstrap(root, argv) {
  const wantsDev = !argv.includes('--omit=dev')
  const reason = findReason(root, wantsDev)
  if (!reason) return 0
  // On stderr: what the script that follows prints on stdout stays its own.
  console.error(`bootstrap: installing packages (${reason})`)
  if (!install(root, wantsDev || hasDev(root))) return 1
  const left = findReason(root, wantsDev)
  if (left) console.error(`bootstrap: npm ended well, and yet: ${left}`)
  return left ? 1 : 0
}

module.exports = { findReason, hasDev }
if (require.main === module) process.exitCode = bootstrap(join(__dirname, '..'), process.argv.slice(2))
