// Baileys' side of the history measurement: an account in a process of its own.
// The protocol is that of ../history_ours.py.
//
// Baileys keeps no chats; of what it tells, this keeps the chats, the people and a count, and lets the
// messages go: less than any user of it would keep.
import { Console } from 'node:console'
import { createInterface } from 'node:readline'
import { baileys, require } from './installed.mjs'

const { url, root_key, folder } = JSON.parse(process.argv[2])
const logger = require('pino')({ level: 'silent' })
const say = value => process.stdout.write(JSON.stringify(value) + '\n')
const { state, saveCreds } = await baileys.useMultiFileAuthState(folder)
const chats = new Map()
const people = new Map()
let messages = 0
const { RECENT } = baileys.proto.HistorySync.HistorySyncType

globalThis.console = new Console(process.stderr, process.stderr) // a library must not talk to our caller
// Where the emulator's certificates lead, in place of WhatsApp's.
baileys.WA_CERT_DETAILS.PUBLIC_KEY.set(Buffer.from(root_key, 'hex'))
// It looks for history on WhatsApp's own media host, whatever the server says.
const { fetch } = globalThis
globalThis.fetch = (target, options) => {
  const wanted = new URL(String(target))
  if (wanted.hostname === baileys.DEF_MEDIA_HOST) wanted.host = new URL(url).host
  return fetch(wanted, options)
}

function connect() {
  const keys = baileys.makeCacheableSignalKeyStore(state.keys, logger)
  const auth = { creds: state.creds, keys }
  const socket = baileys.makeWASocket({ auth, logger, waWebSocketUrl: url, syncFullHistory: true })
  socket.ev.on('creds.update', saveCreds)
  socket.ev.on('connection.update', update => {
    if (update.qr) say({ qr: update.qr })
    if (update.connection === 'open') say({ ready: true })
    const code = update.lastDisconnect?.error?.output?.statusCode
    if (update.connection === 'close' && code === baileys.DisconnectReason.restartRequired) connect()
    else if (update.connection === 'close') process.exit(1)
  })
  socket.ev.on('messaging-history.set', set => {
    for (const { messages: _, ...chat } of set.chats) {
      chats.set(chat.id, { ...chats.get(chat.id), ...chat })
    }
    for (const contact of set.contacts) {
      people.set(contact.id, { ...people.get(contact.id), ...contact })
    }
    messages += set.messages.length
    if (set.syncType === RECENT) say({ percent: set.progress })
  })
  socket.ev.on('messages.upsert', upsert => {
    for (const message of upsert.messages) say({ live: message.message?.conversation ?? null })
  })
}

for await (const _ of (connect(), createInterface({ input: process.stdin }))) {
  say({
    messages,
    chats: [...chats.values()].map(chat => [
      chat.id,
      chat.unreadCount ?? 0,
      Number(chat.conversationTimestamp),
      chat.name ?? '',
    ]),
    people: Object.fromEntries([...people.values()].map(each => [each.id, each.name ?? ''])),
  })
}
process.exit()
