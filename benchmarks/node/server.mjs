// A Baileys socket behind a small HTTP server: what one writes when there is nothing else.
//
// POST /send {"to", "text"} answers once WhatsApp has acknowledged the message; GET /qr and /status
// say how linking goes; each incoming text is posted to the webhook. State is in files, as in
// Baileys' own example.
import { Console } from 'node:console'
import { Agent, createServer, request } from 'node:http'
import { baileys, require } from './installed.mjs'

const { url, root_key, auth_dir, push_name, webhook } = JSON.parse(process.argv[2])
const logger = require('pino')({ level: 'silent' })
const agent = new Agent({ keepAlive: true, maxSockets: 8 })
const acks = new Map()
const { state, saveCreds } = await baileys.useMultiFileAuthState(auth_dir)
let socket, qr, isOpen

globalThis.console = new Console(process.stderr, process.stderr) // nobody empties standard output
// Where the emulator's certificates lead, in place of WhatsApp's.
baileys.WA_CERT_DETAILS.PUBLIC_KEY.set(Buffer.from(root_key, 'hex'))

function connect() {
  const keys = baileys.makeCacheableSignalKeyStore(state.keys, logger)
  const auth = { creds: state.creds, keys }
  socket = baileys.makeWASocket({ auth, logger, waWebSocketUrl: url, pushName: push_name })
  socket.ev.on('creds.update', saveCreds)
  socket.ev.on('connection.update', update => {
    qr = update.qr ?? qr
    if (update.connection === 'open') isOpen = true
    const code = update.lastDisconnect?.error?.output?.statusCode
    if (update.connection === 'close' && code === baileys.DisconnectReason.restartRequired) connect()
    else if (update.connection === 'close') process.exit(1)
  })
  socket.ev.on('messages.upsert', ({ messages }) => {
    for (const { key, message, messageTimestamp } of messages) {
      const text = message?.conversation ?? message?.extendedTextMessage?.text
      if (text !== undefined && !key.fromMe) deliver({ key, text, timestamp: messageTimestamp })
    }
  })
  socket.ws.on('CB:ack,class:message', ({ attrs }) => acks.get(attrs.id)?.(attrs))
}

function deliver(message) {
  const body = JSON.stringify({ dataType: 'message', data: { message } })
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const post = request(webhook, { method: 'POST', agent, headers }, answer => answer.resume())
  post.on('error', error => console.error(error))
  post.end(body)
}

async function send({ to, text }) {
  const messageId = baileys.generateMessageIDV2(socket.user.id)
  const acknowledged = new Promise(resolve => acks.set(messageId, resolve))
  await socket.sendMessage(to, { text }, { messageId })
  const { error } = await acknowledged
  acks.delete(messageId)
  return error ? [500, { error }] : [200, { id: messageId }]
}

const routes = {
  'POST /send': body => send(JSON.parse(body)),
  'GET /qr': async () => (qr ? [200, { qr }] : [404, {}]),
  'GET /status': async () => [200, { connected: isOpen === true, user: socket.user ?? null }],
}

createServer(async (incoming, answer) => {
  const chunks = []
  for await (const chunk of incoming) chunks.push(chunk)
  const route = routes[`${incoming.method} ${incoming.url}`]
  const failed = error => [500, { error: String(error.stack) }]
  const [status, value] = await route(Buffer.concat(chunks).toString()).catch(failed)
  const body = JSON.stringify(value)
  const length = Buffer.byteLength(body)
  answer.writeHead(status, { 'content-type': 'application/json', 'content-length': length })
  answer.end(body)
}).listen(0, '127.0.0.1', function () {
  process.stdout.write(JSON.stringify({ port: this.address().port }) + '\n')
})
connect()
