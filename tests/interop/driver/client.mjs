// One Baileys client: its socket, its stored state, and the faults that a test asks for.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { peerIdentityFault, useRootKey } from './signatures.mjs'
import { fault, messageOf, plain } from './plain.mjs'

const baileys = await import('baileys')
const pino = createRequire(import.meta.resolve('baileys'))('pino')

const STANZA_EVENT = /^CB:(?<tag>[^,]+)$/
const QUEUED_STANZAS = new Set(['message', 'receipt', 'notification', 'call'])
const PAIRED_RESTART = baileys.DisconnectReason.restartRequired
const FINAL_CODES = new Set([
  baileys.DisconnectReason.loggedOut,
  baileys.DisconnectReason.forbidden,
  baileys.DisconnectReason.connectionReplaced,
  baileys.DisconnectReason.multideviceMismatch,
  400, // the handshake was refused
])
const RECONNECT_DELAY_MS = 250

const NO_FAULTS = { ignore: [], delay_ms: 0, corrupt_in: 0, corrupt_out: 0 }

/** Bytes with one bit of their middle turned. */
function damaged(bytes) {
  const copy = Buffer.from(bytes)
  copy[copy.length >> 1] ^= 1
  return copy
}

export class Client {
  #emit
  #options
  #logger
  #state
  #saveCreds
  #socket = null
  #faults = { ...NO_FAULTS }
  #activity = 0 // rises with every step of work, so that a drain can see that all is still
  #pending = new Set() // writes of the store that are not on disk yet
  #stopping = false
  #reconnectTimer = null
  #ready = Promise.withResolvers() // the first QR: from then on a pairing code can be asked for

  constructor(emit) {
    this.#emit = emit
  }

  /**
   * Load the stored state and connect.
   *
   * @param options auth_dir, url, root_key (hex); and push_name, browser, version, reconnect,
   *   sync_full_history, mark_online, query_timeout_ms, log_level where the defaults do not fit
   */
  async start(options) {
    if (this.#socket) throw new Error('already started')
    this.#options = options
    useRootKey(baileys, options.root_key)
    this.#logger = pino({ level: options.log_level ?? 'info' }, pino.destination({ dest: 2, sync: true }))
    await mkdir(join(options.auth_dir, 'sent'), { recursive: true })
    const { state, saveCreds } = await baileys.useMultiFileAuthState(options.auth_dir)
    this.#state = { creds: state.creds, keys: this.#counted(state.keys) }
    this.#saveCreds = saveCreds
    this.#connect()
    return { wa_version: this.#config().version, node: process.version, registered: !!state.creds.me }
  }

  #config() {
    const { version, browser } = baileys.DEFAULT_CONNECTION_CONFIG
    const options = this.#options
    return {
      version: options.version ?? version,
      browser: options.browser ?? browser,
      waWebSocketUrl: options.url,
      auth: this.#state,
      logger: this.#logger,
      pushName: options.push_name,
      syncFullHistory: options.sync_full_history ?? true,
      markOnlineOnConnect: options.mark_online ?? true,
      defaultQueryTimeoutMs: options.query_timeout_ms ?? 20_000,
      appStateMacVerification: { patch: true, snapshot: true },
      getMessage: key => this.#sentMessage(key.id),
    }
  }

  #connect() {
    const socket = baileys.makeWASocket(this.#config())
    this.#socket = socket
    this.#intercept(socket)
    socket.ev.process(events => {
      for (const [name, data] of Object.entries(events)) this.#onEvent(socket, name, data)
    })
  }

  #onEvent(socket, name, data) {
    this.#activity += 1
    switch (name) {
      case 'creds.update':
        this.#track(this.#saveCreds())
        this.#emit({ event: name, me: plain(this.#state.creds.me), changed: Object.keys(data) })
        break
      case 'connection.update':
        this.#onConnection(socket, data)
        break
      case 'messages.upsert':
        this.#emit({
          event: name,
          type: data.type,
          messages: data.messages.map(message => messageOf(baileys, message)),
        })
        break
      default:
        this.#emit({ event: name, data: plain(data) })
    }
  }

  #onConnection(socket, { qr, connection, lastDisconnect, ...rest }) {
    if (qr) {
      this.#emit({ event: 'qr', qr })
      this.#ready.resolve()
    }
    if (connection === 'close') {
      // Acknowledged messages may still wait in the event buffer, which Baileys is about to drop.
      socket.ev.flush()
      const error = lastDisconnect?.error
      const code = error?.output?.statusCode ?? null
      const again = this.#comesBack(code)
      this.#emit({
        event: 'connection',
        state: 'close',
        status_code: code,
        reason: error ? error.message : null,
        reconnecting: again,
      })
      if (again) {
        const delay = code === PAIRED_RESTART ? 0 : RECONNECT_DELAY_MS
        this.#reconnectTimer = setTimeout(() => this.#connect(), delay)
      }
      return
    }
    if (connection || rest.isNewLogin || rest.receivedPendingNotifications) {
      this.#emit({ event: 'connection', state: connection ?? null, ...plain(rest) })
    }
  }

  #comesBack(code) {
    if (this.#stopping) return false
    if (code === PAIRED_RESTART) return true
    return Boolean(this.#options.reconnect) && !FINAL_CODES.has(code)
  }

  /** Let a test lose, delay or damage stanzas on their way in. */
  #intercept(socket) {
    const emit = socket.ws.emit.bind(socket.ws)
    socket.ws.emit = (name, ...args) => {
      this.#activity += 1
      if (name === 'message' && this.#faults.delay_ms > 0) {
        setTimeout(() => emit(name, ...args), this.#faults.delay_ms)
        return true
      }
      const tag = STANZA_EVENT.exec(name)?.groups.tag
      if (tag && this.#faults.ignore.includes(tag)) return true
      if (this.#stopping && QUEUED_STANZAS.has(tag)) return true
      if (tag === 'message') this.#onMessageStanza(args[0])
      return emit(name, ...args)
    }
    const encrypt = socket.signalRepository.encryptMessage
    socket.signalRepository.encryptMessage = async request => {
      const result = await encrypt(request)
      if (this.#faults.corrupt_out <= 0) return result
      this.#faults.corrupt_out -= 1
      return { ...result, ciphertext: damaged(result.ciphertext) }
    }
  }

  #onMessageStanza(node) {
    const wrong = peerIdentityFault(baileys, node)
    if (wrong) this.#emit({ event: 'violation', what: wrong, id: node.attrs.id })
    if (this.#faults.corrupt_in <= 0) return
    this.#faults.corrupt_in -= 1
    for (const enc of baileys.getBinaryNodeChildren(node, 'enc')) enc.content = damaged(enc.content)
  }

  setFaults(faults) {
    const unknown = Object.keys(faults).filter(name => !(name in NO_FAULTS))
    if (unknown.length) throw new Error(`unknown faults: ${unknown}`)
    this.#faults = { ...this.#faults, ...faults }
    return this.#faults
  }

  #counted(keys) {
    return {
      get: (type, ids) => this.#track(keys.get(type, ids)),
      set: data => this.#track(keys.set(data)),
    }
  }

  #track(promise) {
    this.#activity += 1
    this.#pending.add(promise)
    const done = () => {
      this.#activity += 1
      this.#pending.delete(promise)
    }
    promise.then(done, error => {
      done()
      this.#emit({ event: 'unhandled', error: fault(error) })
    })
    return promise
  }

  get socket() {
    if (!this.#socket) throw new Error('not started')
    return this.#socket
  }

  get me() {
    return plain(this.#state?.creds.me ?? null)
  }

  async requestPairingCode(phone, code) {
    await this.#ready.promise // the server takes a code request only after its pair-device
    return { code: await this.socket.requestPairingCode(phone, code) }
  }

  /** Send content in Baileys' own form; what was sent can be sent again after a restart. */
  async send(to, content, id) {
    const sent = await this.socket.sendMessage(to, content, id ? { messageId: id } : {})
    const bytes = baileys.proto.Message.encode(sent.message).finish()
    await writeFile(join(this.#options.auth_dir, 'sent', sent.key.id), bytes)
    return { id: sent.key.id, timestamp: Number(sent.messageTimestamp), key: plain(sent.key) }
  }

  async #sentMessage(id) {
    try {
      const bytes = await readFile(join(this.#options.auth_dir, 'sent', id))
      return baileys.proto.Message.decode(bytes)
    } catch {
      return undefined // not ours, or never sent: Baileys then declines the retry
    }
  }

  /**
   * Finish what has arrived, close the connection, and leave the state on disk whole. Stanzas that
   * arrive from now on are left unacknowledged: the server keeps them for the next login.
   */
  async stop() {
    this.#stopping = true
    clearTimeout(this.#reconnectTimer)
    const socket = this.#socket
    if (socket && !socket.ws.isClosed) {
      await this.#drain(socket)
      socket.ev.flush()
      await socket.end(undefined)
    }
    await this.#written()
  }

  async logout() {
    this.#stopping = true
    await this.socket.logout()
    await this.#written()
  }

  /** Return when no stanza is being worked on any more: nothing moved in several turns. */
  async #drain(socket) {
    const mutexes = [socket.messageMutex, socket.receiptMutex, socket.notificationMutex]
    let quiet = 0
    while (quiet < 3) {
      const before = this.#activity
      await Promise.all(mutexes.map(mutex => mutex.mutex(async () => {})))
      await new Promise(resolve => setTimeout(resolve, 20))
      quiet = this.#activity === before && this.#pending.size === 0 ? quiet + 1 : 0
    }
  }

  async #written() {
    while (this.#pending.size) await Promise.allSettled([...this.#pending])
  }
}

export { baileys }
