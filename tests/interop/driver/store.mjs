// Baileys' key store, in the file format of its own multi-file store, but held in memory.
//
// Baileys works on several stanzas at once and awaits its store between the steps, so a store whose
// answers come when the disk likes turns the order of messages around. This one answers at once,
// and writes behind; `written` says when all is on disk.
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const SUFFIX = '.json'
const CREDENTIALS = 'creds'

const fileName = name => name.replaceAll('/', '__').replaceAll(':', '-') + SUFFIX

export class Store {
  #baileys
  #folder
  #files = new Map() // file name -> JSON text, so that nobody holds a value of ours
  #writes = Promise.resolve()

  /** All calls that Baileys made so far; a count that stands still means that it is idle. */
  calls = 0

  constructor(baileys, folder) {
    this.#baileys = baileys
    this.#folder = folder
  }

  /** Read the folder, making it where it is missing; an empty one starts a new device. */
  static async open(baileys, folder) {
    const store = new Store(baileys, folder)
    await mkdir(folder, { recursive: true })
    const names = (await readdir(folder)).filter(name => name.endsWith(SUFFIX))
    const texts = await Promise.all(names.map(name => readFile(join(folder, name), 'utf8')))
    names.forEach((name, index) => store.#files.set(name, texts[index]))
    store.creds = store.#read(CREDENTIALS) ?? baileys.initAuthCreds()
    return store
  }

  /** The state in the form that Baileys takes. */
  get auth() {
    return { creds: this.creds, keys: { get: this.#get, set: this.#set } }
  }

  saveCreds() {
    this.#write(CREDENTIALS, this.creds)
  }

  /** Resolves once everything that was set until now is on disk. */
  written() {
    return this.#writes
  }

  #get = async (type, ids) => {
    this.calls += 1
    const { AppStateSyncKeyData } = this.#baileys.proto.Message
    const found = {}
    for (const id of ids) {
      const value = this.#read(`${type}-${id}`)
      const isSyncKey = value && type === 'app-state-sync-key'
      found[id] = isSyncKey ? AppStateSyncKeyData.fromObject(value) : value
    }
    return found
  }

  #set = async data => {
    this.calls += 1
    for (const [type, values] of Object.entries(data)) {
      for (const [id, value] of Object.entries(values)) this.#write(`${type}-${id}`, value)
    }
  }

  #read(name) {
    const text = this.#files.get(fileName(name))
    return text === undefined ? null : JSON.parse(text, this.#baileys.BufferJSON.reviver)
  }

  #write(name, value) {
    const file = fileName(name)
    if (value) this.#files.set(file, JSON.stringify(value, this.#baileys.BufferJSON.replacer))
    else this.#files.delete(file)
    // What is written is the newest text at that time; one write at a time keeps the order.
    this.#writes = this.#writes.then(() => this.#flush(file))
  }

  async #flush(file) {
    const path = join(this.#folder, file)
    const text = this.#files.get(file)
    if (text === undefined) {
      await rm(path, { force: true })
      return
    }
    await writeFile(`${path}.new`, text)
    await rename(`${path}.new`, path)
  }
}
