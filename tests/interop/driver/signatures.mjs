// Makes Baileys refuse what it would otherwise accept, before its modules are loaded.
//
// Stock Baileys drops the result of every signature check: its curve helper answers `true` for
// whatever did not throw, and the check of a signed pre-key is told to skip the arithmetic. The
// curve module of libsignal is plain CommonJS, so replacing its export here, before Baileys is
// imported, reaches every caller. Nothing in node_modules is changed on disk.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.resolve('baileys'))
const curve = require('libsignal/src/curve.js')
const { PreKeyWhisperMessage } = require('libsignal/src/protobufs.js')
const verify = curve.verifySignature

/** Which check a call belongs to, told by the file of Baileys or libsignal that asks. */
const CHECKS = {
  'noise-handler': 'certificate',
  'validate-connection': 'account',
  session_builder: 'signed_pre_key',
  'sender-key-message': 'sender_key',
}

/** Signatures that held and signatures that were refused, by check. */
export const counts = Object.fromEntries(
  [...Object.values(CHECKS), 'peer_account', 'peer_device', 'other'].map(name => [
    name,
    { passed: 0, refused: 0 },
  ]),
)

/** The innermost caller decides: a frame that arrives runs everything inside the Noise handler. */
function callingCheck() {
  const files = (new Error().stack ?? '').matchAll(/([\w-]+)\.js:\d+/g)
  for (const [, file] of files) if (Object.hasOwn(CHECKS, file)) return CHECKS[file]
  return 'other'
}

function enforce(check, publicKey, message, signature) {
  let valid = false
  try {
    valid = verify(publicKey, message, signature, false) // false: never skip the arithmetic
  } finally {
    counts[check][valid ? 'passed' : 'refused'] += 1
  }
  if (!valid) throw new Error(`bad signature (${check})`)
  return true
}

curve.verifySignature = (publicKey, message, signature) =>
  enforce(callingCheck(), publicKey, message, signature)

/** Put the root key of our emulator in place of WhatsApp's, in the buffer that Baileys reads. */
export function useRootKey(baileys, hex) {
  const key = Buffer.from(hex, 'hex')
  if (key.length !== 32) throw new Error(`a root key has 32 bytes, not ${key.length}`)
  baileys.WA_CERT_DETAILS.PUBLIC_KEY.set(key)
}

const typed = key => (key.length === 33 ? Buffer.from(key) : Buffer.concat([Buffer.of(5), key]))

/**
 * Check the device identity that a companion sends beside a first message. Baileys never looks at
 * it, yet a real phone drops a message whose identity does not hold.
 *
 * @param baileys the module, for its schema
 * @param node a `message` stanza
 * @returns null when all is well or there is nothing to check, else what is wrong
 */
export function peerIdentityFault(baileys, node) {
  const { getBinaryNodeChild, getBinaryNodeChildren, jidDecode, proto } = baileys
  const sender = node.attrs.participant ?? node.attrs.from
  const first = getBinaryNodeChildren(node, 'enc').find(enc => enc.attrs.type === 'pkmsg')
  if (!first || !jidDecode(sender)?.device) return null // device 0, the phone, has no such identity
  const content = getBinaryNodeChild(node, 'device-identity')?.content
  if (!content) return 'a first message from a companion without device-identity'
  try {
    const identity = typed(PreKeyWhisperMessage.decode(first.content.slice(1)).identityKey)
    const signed = proto.ADVSignedDeviceIdentity.decode(content)
    if (!signed.accountSignatureKey?.length) return null // the phone's key is known to the peer
    const { deviceType } = proto.ADVDeviceIdentity.decode(signed.details)
    const hosted = deviceType === proto.ADVEncryptionType.HOSTED
    const own = identity.subarray(1)
    const accountSigned = Buffer.concat([Buffer.of(6, hosted ? 5 : 0), signed.details, own])
    const deviceSigned = Buffer.concat([
      Buffer.of(6, hosted ? 6 : 1),
      signed.details,
      own,
      signed.accountSignatureKey,
    ])
    const account = typed(signed.accountSignatureKey)
    enforce('peer_account', account, accountSigned, Buffer.from(signed.accountSignature))
    enforce('peer_device', identity, deviceSigned, Buffer.from(signed.deviceSignature))
  } catch (error) {
    return `device identity of ${sender}: ${error.message}`
  }
  return null
}
