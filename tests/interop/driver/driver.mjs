// One process is one Baileys client, told what to do in JSON lines.
//
// In:  {"id": 1, "command": "send_text", "to": "...", "text": "..."}
// Out: {"reply": 1, "ok": true, "result": {...}} or {"reply": 1, "ok": false, "error": {...}},
//      and between them events: {"event": "qr", ...}
// Everything that is meant for people goes to standard error.
import { Console } from 'node:console'
import { createInterface } from 'node:readline'
import { counts } from './signatures.mjs' // first: it patches what Baileys loads
import { fault, plain } from './plain.mjs'
import { Client, baileys } from './client.mjs'
import { selfCheck } from './selfcheck.mjs'

globalThis.console = new Console(process.stderr, process.stderr)

const say = line => process.stdout.write(JSON.stringify(line) + '\n')
const client = new Client(say)

const commands = {
  start: options => client.start(options),
  me: () => client.me,
  request_pairing_code: ({ phone, code }) => client.requestPairingCode(phone, code),
  send_text: ({ to, text, message_id }) => client.sending.send(to, { text }, { message_id }),
  send: ({ to, content, ...options }) => client.sending.send(to, content, options),
  relay: ({ to, message, ...options }) => client.sending.relay(to, message, options),
  vote: ({ poll, options, kind }) => client.sending.vote(poll, options, kind),
  tally: ({ poll }) => client.sending.tally(poll),
  answer_event: ({ event, response, extra_guests, kind }) =>
    client.sending.answer(event, response, extra_guests, kind),
  event_answers: ({ event }) => client.sending.answers(event),
  download: ({ message, reupload }) => client.download(message, reupload),
  open_sealed: ({ sealed }) => client.openSealed(sealed),
  app_state: ({ collection }) => client.appState.mutations({ collection }),
  app_state_snapshot: ({ collection }) => client.appState.snapshot({ collection }),
  write_app_state: record => client.appState.write(record),
  read: ({ keys }) => client.socket.readMessages(keys),
  presence: ({ type, to }) => client.socket.sendPresenceUpdate(type, to),
  call: ({ method, args }) => client.call(method, args),
  faults: ({ faults }) => client.setFaults(faults),
  checks: () => counts,
  self_check: () => selfCheck(baileys),
  stop: () => client.stop(),
  logout: () => client.logout(),
}
const LAST_COMMANDS = new Set(['stop', 'logout'])

async function carryOut(line) {
  const { id, command, ...args } = JSON.parse(line)
  try {
    if (!Object.hasOwn(commands, command)) throw new Error(`unknown command: ${command}`)
    const result = await commands[command](args)
    say({ reply: id, ok: true, result: plain(result) })
  } catch (error) {
    console.error(error)
    say({ reply: id, ok: false, error: fault(error) })
  }
  if (LAST_COMMANDS.has(command)) leave(0)
}

/** Exit once the last line has left the pipe. */
function leave(code) {
  process.stdout.write('', () => process.exit(code))
}

process.on('unhandledRejection', error => {
  console.error('unhandled rejection', error)
  say({ event: 'unhandled', error: fault(error) })
})
process.on('SIGTERM', () => client.stop().finally(() => leave(0)))
process.stdout.on('error', () => process.exit(1)) // nobody reads any more

const input = createInterface({ input: process.stdin })
input.on('line', line => void carryOut(line))
input.on('close', () => leave(0)) // whoever started us is gone
say({ event: 'ready', node: process.version })
