// One Baileys client: its socket, its stored state, and the faults that a test asks for.
import { createHash } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { peerIdentityFault, useRootKey } from './signatures.mjs'
import { Book, revived, writeUnknownFields } from './messages.mjs'
import { fault, historyOf, messageOf, plain } from './plain.mjs'
import { Sending } from './sending.mjs'
import { AppState, useMediaHost } from './state.mjs'
import { Store } from './store.mjs'

const baileys = await import('baileys')
writeUnknownFields(baileys)
// Some of its modules write to a logger of their own, on the stream that is ours to answer on.
const { default: ownLogger } = await import('baileys/lib/Utils/logger.js')
ownLogger.level = 'silent'
const pino = createRequire(import.meta.resolve('baileys'))('pino')

const STANZA_EVENT = /^CB:(?<tag>[^,]+)$/
const STANZAS_IN_TURN = new Set(['message', 'receipt', 'notification', 'call'])
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
  #store
  #socket = null
  #faults = { ...NO_FAULTS }
  #turn = Promise.resolve() // the end of the stanza that is being worked on
  #current = null // the id of the message that is being worked on
  #queued = new Set() // ids of the messages that the server had kept for us
  #book = new Book()
  #stopping = false
  #reconnectTimer = null
  #ready = Promise.withResolvers() // the first QR: from then on a pairing code can be asked for

  constructor(emit) {
    this.#emit = emit
    this.sending = new Sending(baileys, this, this.#book)
    this.appState = new AppState(baileys, this)
  }

  /**
   * Load the stored state and connect.
   *
   * @param options auth_dir, url, root_key (hex); and push_name, browser, version, reconnect,
   *   sync_full_history, mark_online, query_timeout_ms, log_level (or DRIVER_LOG in the
   *   environment; `trace` shows every stanza) where the defaults do not fit; report_plaintext,
   *   for an event with what each ciphertext of a message held
   */
  async start(options) {
    if (this.#socket) throw new Error('already started')
    this.#options = options
    useRootKey(baileys, options.root_key)
    useMediaHost(options.url)
    const level = options.log_level ?? process.env.DRIVER_LOG ?? 'info'
    this.#logger = pino({ level }, pino.destination({ dest: 2, sync: true }))
    await mkdir(join(options.auth_dir, 'sent'), { recursive: true })
    this.#store = await Store.open(baileys, options.auth_dir)
    this.#connect()
    return { wa_version: this.#config().version, registered: Boolean(this.#store.creds.me) }
  }

  #config() {
    const { version, browser } = baileys.DEFAULT_CONNECTION_CONFIG
    const options = this.#options
    return {
      version: options.version ?? version,
      browser: options.browser ?? browser,
      waWebSocketUrl: options.url,
      auth: this.#store.auth,
      logger: this.#logger,
      pushName: options.push_name,
      syncFullHistory: options.sync_full_history ?? true,
      markOnlineOnConnect: options.mark_online ?? true,
      defaultQueryTimeoutMs: options.query_timeout_ms ?? 20_000,
      appStateMacVerification: { patch: true, snapshot: true },
      getMessage: key => this.#message(key.id),
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
    switch (name) {
      case 'creds.update':
        this.#store.saveCreds()
        this.#emit({ event: name, me: this.me, changed: Object.keys(data) })
        break
      case 'connection.update':
        this.#onConnection(socket, data)
        break
      case 'messages.upsert':
        for (const message of data.messages) {
          this.#book.add(message)
          const type = this.#queued.has(message.key.id) ? 'append' : data.type
          this.#emit({ event: name, type, messages: [messageOf(baileys, message)] })
        }
        break
      case 'messaging-history.set':
        this.#emit({ event: name, data: historyOf(baileys, data) })
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

  /**
   * Stand between Baileys and its socket: for the faults that a test asks for, and to have one
   * stanza finished before the next begins. By itself Baileys starts on all that has arrived,
   * which turns the order of messages around, and lets a decryption and an encryption overwrite
   * each other's ratchet; both would be laid at the door of whoever talks to it.
   */
  #intercept(socket) {
    const emit = socket.ws.emit.bind(socket.ws)
    socket.ws.emit = (name, ...args) => {
      if (name === 'message' && this.#faults.delay_ms > 0) {
        setTimeout(() => emit(name, ...args), this.#faults.delay_ms)
        return true
      }
      const tag = STANZA_EVENT.exec(name)?.groups.tag
      if (tag && this.#faults.ignore.includes(tag)) return true
      if (!STANZAS_IN_TURN.has(tag)) return emit(name, ...args)
      if (!this.#stopping) this.#takeInTurn(socket, tag, args[0])
      return true
    }

    const { keys } = socket.authState
    const transaction = keys.transaction
    keys.transaction = work => transaction(work, 'one at a time')

    const encrypt = socket.signalRepository.encryptMessage
    socket.signalRepository.encryptMessage = async request => {
      const result = await encrypt(request)
      if (this.#faults.corrupt_out <= 0) return result
      this.#faults.corrupt_out -= 1
      return { ...result, ciphertext: damaged(result.ciphertext) }
    }
    if (this.#options.report_plaintext) this.#reportPlaintext(socket.signalRepository)
  }

  /** Tell what each ciphertext held; one of a group can be handed to others as it came. */
  #reportPlaintext(repository) {
    for (const name of ['decryptMessage', 'decryptGroupMessage']) {
      const decrypt = repository[name].bind(repository)
      repository[name] = async request => {
        const padded = await decrypt(request)
        const bytes = baileys.unpadRandomMax16(padded)
        const sealed = request.group ? plain(request) : null
        this.#emit({ event: 'plaintext', id: this.#current, bytes: plain(bytes), sealed })
        return padded
      }
    }
  }

  /** Try to open a ciphertext of a group that another client has reported. */
  async openSealed({ group, authorJid, msg }) {
    const { signalRepository } = this.socket
    const message = Buffer.from(msg, 'base64')
    await signalRepository.decryptGroupMessage({ group, authorJid, msg: message })
  }

  #takeInTurn(socket, tag, node) {
    if (tag === 'message') this.#onMessageStanza(node)
    if (node.attrs.offline !== undefined) {
      // Baileys works through queued stanzas beside the live ones that come after them.
      delete node.attrs.offline
      this.#queued.add(node.attrs.id)
    }
    const work = () => {
      this.#current = node.attrs.id
      return Promise.all(socket.ws.listeners(`CB:${tag}`).map(listen => listen(node)))
    }
    this.#turn = this.#turn.then(work).catch(error => {
      this.#emit({ event: 'unhandled', error: fault(error) })
    })
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

  get socket() {
    if (!this.#socket) throw new Error('not started')
    return this.#socket
  }

  get logger() {
    return this.#logger
  }

  get folder() {
    return this.#options.auth_dir
  }

  get me() {
    return plain(this.#store?.creds.me)
  }

  async requestPairingCode(phone, code) {
    await this.#ready.promise // the server takes a code request only after its pair-device
    const { socket } = this
    const answered = new Promise((resolve, reject) => {
      // Baileys itself tells its user the code before it knows that the server took it.
      socket.ws.once('CB:iq,type:result,link_code_companion_reg', resolve)
      socket.ws.once('CB:iq,type:error', node => {
        reject(new Error(`the server refused: ${JSON.stringify(node)}`))
      })
      socket.ws.once('close', () => reject(new Error('closed before the code was taken')))
    })
    const result = { code: await socket.requestPairingCode(phone, code) }
    await answered
    return result
  }

  /** Any method of Baileys' socket. */
  call(method, args = []) {
    return this.socket[method](...revived(args, this.#book))
  }

  /**
   * Fetch the file of a message.
   *
   * @param raw the message in the form that `messages.upsert` reported it
   * @param reupload ask the phone to upload the file again first
   */
  async download(raw, reupload = false) {
    const { socket } = this
    let message = { ...raw, message: baileys.proto.Message.fromObject(raw.message) }
    if (reupload) {
      await socket.refreshMediaConn(false) // without it Baileys looks on WhatsApp's own host
      message = await socket.updateMediaMessage(message)
    }
    const bytes = await baileys.downloadMediaMessage(message, 'buffer', {})
    return { sha256: createHash('sha256').update(bytes).digest('hex'), length: bytes.length }
  }

  async #message(id) {
    const known = this.#book.find(id)
    if (known) return known.message
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
      await this.#drain()
      socket.ev.flush()
      await socket.end(undefined)
    }
    await this.#store?.written()
  }

  async logout() {
    this.#stopping = true
    await this.socket.logout()
    await this.#store?.written()
  }

  /** Return when nothing is being worked on any more: the store was not asked in several turns. */
  async #drain() {
    let quiet = 0
    while (quiet < 3) {
      const before = this.#store.calls
      await this.#turn
      await new Promise(resolve => setTimeout(resolve, 20))
      quiet = this.#store.calls === before ? quiet + 1 : 0
    }
  }
}

export { baileys }
