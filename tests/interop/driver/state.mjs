// App state: where Baileys finds its files, what it reads in a collection, and records that it
// writes but has no call for.
import { withUnknownFields } from './messages.mjs'

const MEDIA_HOST = 'mmg.whatsapp.net'
const MAX_ROUNDS = 100
const RAW = Symbol('the bytes that a value was read from')

/** Baileys looks for files of the app state on WhatsApp's own host, whatever it is connected to. */
export function useMediaHost(url) {
  const { host } = new URL(url)
  const fetch = globalThis.fetch
  globalThis.fetch = (target, options) => {
    const wanted = new URL(String(target))
    if (wanted.hostname === MEDIA_HOST) wanted.host = host
    return fetch(wanted, options)
  }
}

export class AppState {
  #baileys
  #client

  constructor(baileys, client) {
    this.#baileys = baileys
    this.#client = client
    const { SyncActionData } = baileys.proto
    const decode = SyncActionData.decode
    SyncActionData.decode = (bytes, ...rest) => {
      const data = decode(bytes, ...rest)
      data[RAW] = Buffer.from(bytes)
      return data
    }
  }

  /**
   * Every mutation of a collection from its first patch on, in order, through Baileys' own
   * decoders with all their checks on.
   *
   * @returns [{index, removed, data: SyncActionData in base64}]
   */
  async mutations({ collection: name }) {
    const { decodePatches, decodeSyncdPatch } = this.#baileys
    const found = []
    let state = { version: 0, hash: Buffer.alloc(128), indexValueMap: {} }
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const { patches, hasMorePatches } = await this.#fetch(name, state.version)
      let step = state
      for (const patch of patches) {
        if (patch.externalMutations) patch.mutations.push(...(await this.#external(patch)))
        patch.externalMutations = null
        const seen = []
        const after = await decodeSyncdPatch(patch, name, step, this.#key, each => seen.push(each), true)
        step = { ...after, version: Number(patch.version.version) }
        if (seen.length !== patch.mutations.length) throw new Error(`${name}: a value MAC is wrong`)
        seen.forEach(({ index, syncAction }, at) => {
          const removed = patch.mutations[at].operation === 1
          found.push({ index, removed, data: syncAction[RAW].toString('base64') })
        })
      }
      const faults = []
      const logger = { warn: (_, text) => faults.push(text), trace() {}, debug() {} }
      const after = await decodePatches(name, patches, state, this.#key, {}, undefined, logger, true)
      if (faults.length) throw new Error(`${name}: ${faults}`)
      state = after.state
      if (!hasMorePatches) return found
    }
    throw new Error(`${name} has no end`)
  }

  /** Every record of a collection's snapshot, likewise. */
  async snapshot({ collection: name }) {
    const { snapshot } = await this.#fetch(name, 0, true)
    const faults = []
    const logger = { warn: (_, text) => faults.push(text) }
    const args = [name, snapshot, this.#key, undefined, true, logger]
    const { mutationMap } = await this.#baileys.decodeSyncdSnapshot(...args)
    const found = Object.values(mutationMap)
    if (faults.length || found.length !== snapshot.records.length) {
      throw new Error(`${name}: a MAC of the snapshot is wrong: ${faults}`)
    }
    return found.map(({ index, syncAction }) => ({
      index,
      removed: false,
      data: syncAction[RAW].toString('base64'),
    }))
  }

  /**
   * Write a record.
   *
   * @param value SyncActionValue in base64; fields that Baileys does not know stay in it
   * @param unknown those fields: [{field: number, bytes: base64}]
   */
  async write({ collection, index, version, value, removed, unknown }) {
    const decoded = this.#baileys.proto.SyncActionValue.decode(Buffer.from(value, 'base64'))
    await this.#client.socket.appPatch({
      syncAction: withUnknownFields(decoded, unknown),
      index,
      type: collection,
      apiVersion: version,
      operation: removed ? 1 : 0,
    })
  }

  #key = async id => {
    const { keys } = this.#client.socket.authState
    return (await keys.get('app-state-sync-key', [id]))[id]
  }

  async #fetch(name, version, wantsSnapshot = false) {
    const attrs = { name, version: String(version), return_snapshot: String(wantsSnapshot) }
    const result = await this.#client.socket.query({
      tag: 'iq',
      attrs: { to: 's.whatsapp.net', xmlns: 'w:sync:app:state', type: 'set' },
      content: [{ tag: 'sync', attrs: {}, content: [{ tag: 'collection', attrs }] }],
    })
    return (await this.#baileys.extractSyncdPatches(result, {}))[name]
  }

  async #external(patch) {
    return (await this.#baileys.downloadExternalPatch(patch.externalMutations, {})).mutations
  }
}
