// Baileys' side of the single measurements, with its own functions and nothing else.
//
// The first line of standard input holds the inputs; each further one, {"subject", "seconds"}, is
// answered by {"operations", "cpu_s"} after so many seconds of CPU time. See ../timing.py.
import { createCipheriv, randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { baileys, libsignal, require } from './installed.mjs'

const { Curve, decodeBinaryNode, encodeBinaryNode, generateSignalPubKey, signedKeyPair } = baileys
const { ProtocolAddress, SessionBuilder, SessionCipher } = libsignal
const MAX_BATCH = 4096
const BATCHES = 8
const SILENT = require('pino')({ level: 'silent' })

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const answer = value => process.stdout.write(JSON.stringify(value) + '\n')
const inputs = JSON.parse((await lines.next()).value)
const plaintext = Buffer.from(inputs.plaintext, 'hex')

// A library that talks to standard output would break the protocol.
console.log = console.info = console.warn = console.error

const range = count => Array.from({ length: count })

/** Work that takes the same input every time. */
const repeating = operation => () => async count => {
  for (let i = 0; i < count; i++) await operation()
}

// --- nodes ---------------------------------------------------------------------------------------

const stanzas = {}
for (const [size, hex] of Object.entries(inputs.stanzas)) {
  const bytes = Buffer.from(hex, 'hex')
  stanzas[size] = { bytes, node: await decodeBinaryNode(bytes) }
}

const nodeSubjects = Object.entries(stanzas).flatMap(([size, { bytes, node }]) => [
  [`node-encode-${size}`, () => async count => {
    for (let i = 0; i < count; i++) encodeBinaryNode(node) // synchronous there
  }],
  [`node-decode-${size}`, repeating(() => decodeBinaryNode(bytes))],
])

// --- frames --------------------------------------------------------------------------------------

async function frames(size, count) {
  const handler = baileys.makeNoiseHandler({
    keyPair: Curve.generateKeyPair(),
    NOISE_HEADER: baileys.NOISE_WA_HEADER,
    logger: SILENT,
  })
  // Without a handshake the keys follow from the protocol's name, so the peer's frames can be made.
  await handler.finishInit()
  const salt = Buffer.from(baileys.NOISE_MODE)
  const key = Buffer.from(baileys.hkdf(new Uint8Array(0), 64, { salt, info: '' })).subarray(32)
  const body = Buffer.alloc(size)
  const incoming = range(count).map((_, counter) => {
    const nonce = Buffer.alloc(12)
    nonce.writeUInt32BE(counter, 8)
    const cipher = createCipheriv('aes-256-gcm', key, nonce)
    return Buffer.concat([cipher.update(body), cipher.final(), cipher.getAuthTag()])
  })
  return async () => {
    for (const frame of incoming) {
      handler.encodeFrame(body)
      handler.decrypt(frame)
    }
  }
}

// --- Signal without a store ----------------------------------------------------------------------

/** One device; its store keeps records as they are, in memory. */
class Device {
  constructor(identity = Curve.generateKeyPair()) {
    this.identity = identity
    this.signed = signedKeyPair(identity, 1)
    this.preKey = Curve.generateKeyPair()
    this.record = null
  }

  get bundle() {
    const { identity, signed, preKey } = this
    return {
      registrationId: 4711,
      identityKey: generateSignalPubKey(identity.public),
      signedPreKey: {
        keyId: 1,
        publicKey: generateSignalPubKey(signed.keyPair.public),
        signature: signed.signature,
      },
      preKey: { keyId: 1, publicKey: generateSignalPubKey(preKey.public) },
    }
  }

  #pair = ({ private: privKey, public: pubKey }) => ({ privKey, pubKey: generateSignalPubKey(pubKey) })

  storage() {
    return {
      isTrustedIdentity: () => true,
      loadSession: () => this.record,
      storeSession: (_, record) => (this.record = record),
      getOurIdentity: () => this.#pair(this.identity),
      getOurRegistrationId: () => 4711,
      loadPreKey: () => this.#pair(this.preKey),
      removePreKey: () => {},
      loadSignedPreKey: () => this.#pair(this.signed.keyPair),
    }
  }

  #peer = new ProtocolAddress(randomBytes(6).toString('hex'), 0)
  builder = () => new SessionBuilder(this.storage(), this.#peer)
  cipher = () => new SessionCipher(this.storage(), this.#peer)

  encrypt = () => this.cipher().encrypt(plaintext)
  decrypt({ type, body }) {
    const bytes = Buffer.from(body)
    return type === 3
      ? this.cipher().decryptPreKeyWhisperMessage(bytes)
      : this.cipher().decryptWhisperMessage(bytes)
  }
}

async function establish(here, there) {
  await here.builder().initOutgoing(there.bundle)
  await there.decrypt(await here.encrypt())
  await here.decrypt(await there.encrypt())
  await there.decrypt(await here.encrypt())
}

/** Makes two devices that know each other; `after` makes what `run` then works on. */
const pair = (after, run) => async count => {
  const [here, there] = [new Device(), new Device()]
  await establish(here, there)
  const messages = []
  if (after) for (let i = 0; i < count; i++) messages.push(await here.encrypt())
  return () => run(here, there, count, messages)
}

// Neither side remembers these between operations, so a few of them stand for many.
const strangers = range(8).map(() => new Device())
const receiver = new Device()
const firstMessages = []
for (const sender of strangers) {
  await sender.builder().initOutgoing(receiver.bundle)
  firstMessages.push(await sender.encrypt())
}

const signalSubjects = [
  ['signal-first', async () => {
    const identity = Curve.generateKeyPair()
    const sender = new Device(identity)
    const bundles = strangers.map(device => device.bundle)
    return async count => {
      for (let i = 0; i < count; i++) {
        sender.record = null
        await sender.builder().initOutgoing(bundles[i % bundles.length])
        await sender.encrypt()
      }
    }
  }],
  ['signal-pre-key-decrypt', () => async count => {
    for (let i = 0; i < count; i++) {
      receiver.record = null
      await receiver.decrypt(firstMessages[i % firstMessages.length])
    }
  }],
  ['signal-round-trip', pair(false, async (here, there, count) => {
    for (let i = 0; i < count; i++) {
      await there.decrypt(await here.encrypt())
      await here.decrypt(await there.encrypt())
    }
  })],
  ['signal-encrypt', pair(false, async (here, _, count) => {
    for (let i = 0; i < count; i++) await here.encrypt()
  })],
  ['signal-decrypt', pair(true, async (_, there, count, messages) => {
    for (const message of messages) await there.decrypt(message)
  })],
]

// --- app state -----------------------------------------------------------------------------------

const appState = inputs.appstate
const syncKey = { keyData: Buffer.from(appState.key, 'hex') }
const patchBytes = list => list.map(hex => Buffer.from(hex, 'hex'))

/** Takes so many patches in, from the first one on again and again; all their MACs are checked. */
const taken = patches => async count => async () => {
  for (let start = 0; start < count; start += patches.length) {
    let state = { version: 0, hash: Buffer.alloc(128), indexValueMap: {} }
    const decoded = patches.slice(0, count - start).map(bytes => baileys.proto.SyncdPatch.decode(bytes))
    const { state: after } = await baileys.decodePatches(
      appState.name, decoded, state, async () => syncKey, {}, undefined, STRICT, true,
    )
    if (after.version !== decoded.length) throw new Error('not all patches were taken')
  }
}

const STRICT = {
  trace() {},
  debug() {},
  warn: (_, text) => {
    throw new Error(text)
  },
}

const appStateSubjects = [
  ['appstate-patches', taken(patchBytes(appState.small))],
  ['appstate-mutations', taken(patchBytes(appState.large))],
]

// --- Signal with Baileys' repository -------------------------------------------------------------

/** Baileys' own key store over the fastest thing there can be below it: a table in memory. */
function memoryKeys() {
  const tables = {}
  const store = {
    get: async (type, ids) => Object.fromEntries(ids.map(id => [id, tables[type]?.[id]])),
    set: async data => {
      for (const [type, entries] of Object.entries(data)) {
        tables[type] = { ...tables[type], ...entries }
      }
    },
  }
  const { transactionOpts } = baileys.DEFAULT_CONNECTION_CONFIG
  return baileys.addTransactionCapability(store, SILENT, transactionOpts)
}

function repository() {
  const creds = baileys.initAuthCreds()
  const keys = memoryKeys()
  const { makeSignalRepository } = baileys.DEFAULT_CONNECTION_CONFIG
  return { creds, keys, signal: makeSignalRepository({ creds, keys }, SILENT) }
}

const PEERS = 16
const peers = range(PEERS).map((_, i) => `1000000000000${10 + i}@lid`)
const OWN = '100000000000001@lid'

/** One account that knows 16 people, each in the middle of a conversation with it. */
async function account() {
  const own = repository()
  const people = []
  for (const jid of peers) {
    const person = repository()
    const preKey = Curve.generateKeyPair()
    await person.keys.set({ 'pre-key': { 1: preKey } })
    const { signedPreKey, signedIdentityKey, registrationId } = person.creds
    await own.signal.injectE2ESession({
      jid,
      session: {
        registrationId,
        identityKey: generateSignalPubKey(signedIdentityKey.public),
        signedPreKey: {
          keyId: 1,
          publicKey: generateSignalPubKey(signedPreKey.keyPair.public),
          signature: signedPreKey.signature,
        },
        preKey: { keyId: 1, publicKey: generateSignalPubKey(preKey.public) },
      },
    })
    const first = await own.signal.encryptMessage({ jid, data: plaintext })
    await person.signal.decryptMessage({ jid: OWN, ...first })
    const second = await person.signal.encryptMessage({ jid: OWN, data: plaintext })
    await own.signal.decryptMessage({ jid, ...second })
    people.push(person)
  }
  return { own, people }
}

const { own, people } = await account()

const storedSubjects = [
  ['stored-encrypt', () => async count => {
    const jobs = range(count).map((_, i) =>
      own.signal.encryptMessage({ jid: peers[i % PEERS], data: plaintext })
    )
    await Promise.all(jobs)
  }],
  ['stored-decrypt', async count => {
    const messages = []
    for (let i = 0; i < count; i++) {
      messages.push(await people[i % PEERS].signal.encryptMessage({ jid: OWN, data: plaintext }))
    }
    return async () => {
      const jobs = messages.map((message, i) =>
        own.signal.decryptMessage({ jid: peers[i % PEERS], ...message })
      )
      await Promise.all(jobs)
    }
  }],
]

// --- measuring -----------------------------------------------------------------------------------

const subjects = new Map([
  ...nodeSubjects,
  ...inputs.frames.map(size => [`frame-${size}`, count => frames(size, count)]),
  ...signalSubjects,
  ...appStateSubjects,
  ...storedSubjects,
])

const cpuSeconds = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

async function measure(prepare, seconds) {
  let batch = 1
  let operations = 0
  let spent = 0
  while (spent < seconds) {
    const run = await prepare(batch)
    const before = cpuSeconds()
    await run(batch)
    const took = cpuSeconds() - before
    operations += batch
    spent += took
    if (took < seconds / BATCHES) batch = Math.min(2 * batch, MAX_BATCH)
  }
  return { operations, cpu_s: spent }
}

answer({ sizes: Object.fromEntries(
  Object.entries(stanzas).map(([size, { node }]) => [size, encodeBinaryNode(node).length])
) })
for await (const line of lines) {
  const { subject, seconds } = JSON.parse(line)
  try {
    answer(await measure(subjects.get(subject), seconds))
  } catch (error) {
    answer({ error: `${subject}: ${error.stack}` })
  }
}
process.exit(0)
