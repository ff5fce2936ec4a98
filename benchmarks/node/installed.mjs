// Baileys and its libraries as `make node` installed them: for the benchmarks there is no second copy.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const driver = createRequire(new URL('../../tests/interop/driver/package.json', import.meta.url))
const entry = driver.resolve('baileys')

/** Loads what Baileys itself would load. */
export const require = createRequire(entry)
export const baileys = await import(pathToFileURL(entry))
export const libsignal = require('libsignal')
