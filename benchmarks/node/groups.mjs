// Baileys' side of the group measurement: an account in a process of its own, told what to send.
// The protocol is that of ../group_ours.py.
//
// The metadata of the groups is kept and handed over, as Baileys' documentation recommends; all its
// other caches are its own.
import { Console } from 'node:console'
import { createInterface } from 'node:readline'
import { baileys, require } from './installed.mjs'

const { url, root_key, folder, groups } = JSON.parse(process.argv[2])
const logger = require('pino')({ level: 'silent' })
const say = value => process.stdout.write(JSON.stringify(value) + '\n')
const { state, saveCreds } = await baileys.useMultiFileAuthState(folder)
const acks = new Map()
const known = new Map()
let socket

globalThis.console = new Console(process.stderr, process.stderr) // a library must not talk to our caller
// Where the emulator's certificates lead, in place of WhatsApp's.
baileys.WA_CERT_DETAILS.PUBLIC_KEY.set(Buffer.from(root_key, 'hex'))

function connect() {
  const keys = baileys.makeCacheableSignalKeyStore(state.keys, logger)
  const auth = { creds: state.creds, keys }
  const cachedGroupMetadata = async jid => known.get(jid)
  socket = baileys.makeWASocket({ auth, logger, waWebSocketUrl: url, cachedGroupMetadata })
  socket.ev.on('creds.update', saveCreds)
  socket.ev.on('connection.update', async update => {
    if (update.qr) say({ qr: update.qr })
    if (update.connection === 'open') await opened()
    const code = update.lastDisconnect?.error?.output?.statusCode
    if (update.connection === 'close' && code === baileys.DisconnectReason.restartRequired) connect()
    else if (update.connection === 'close') process.exit(1)
  })
  socket.ws.on('CB:ack,class:message', ({ attrs }) => acks.get(attrs.id)?.(attrs))
}

async function opened() {
  for (const group of groups) known.set(group, await socket.groupMetadata(group))
  say({ ready: true })
  for await (const line of createInterface({ input: process.stdin })) {
    say(await send(JSON.parse(line)).catch(error => ({ error: String(error.stack) })))
  }
  process.exit()
}

async function send({ to, text }) {
  const messageId = baileys.generateMessageIDV2(socket.user.id)
  const acknowledged = new Promise(resolve => acks.set(messageId, resolve))
  const began = performance.now()
  const cpu = process.cpuUsage()
  await socket.sendMessage(to, { text }, { messageId })
  const { error } = await acknowledged
  const { user, system } = process.cpuUsage(cpu)
  const wall_s = (performance.now() - began) / 1e3
  acks.delete(messageId)
  return error ? { error } : { id: messageId, wall_s, cpu_s: (user + system) / 1e6 }
}

connect()
