// Proves, without a server, that the Baileys of this process refuses bad signatures: each check is
// given a good and a forged input, through the function of Baileys that asks for it.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.resolve('baileys'))
const { SessionBuilder, ProtocolAddress } = require('libsignal')
const { SenderKeyMessage } = await import(
  new URL('./Signal/Group/sender-key-message.js', import.meta.resolve('baileys'))
)

const SILENT = { level: 'silent', child: () => SILENT, trace() {} }

const forged = signature => {
  const copy = Buffer.from(signature)
  copy[10] ^= 1
  return copy
}

async function outcome(action) {
  try {
    await action()
    return 'accepted'
  } catch (error) {
    return `refused: ${error.message}`
  }
}

/** The client's side of a handshake up to the certificate chain, with a server made on the spot. */
function certificate(baileys, forge) {
  const { Curve, proto, aesEncryptGCM, hkdf, sha256, NOISE_MODE, NOISE_WA_HEADER } = baileys
  const [root, intermediate, server, ephemeral, client, noise] = Array.from({ length: 6 }, () =>
    Curve.generateKeyPair()
  )
  const savedRoot = Buffer.from(baileys.WA_CERT_DETAILS.PUBLIC_KEY)
  const { Details } = proto.CertChain.NoiseCertificate
  const certify = (issuer, key, issuerSerial, bad) => {
    const details = Details.encode({ serial: issuerSerial + 1, issuerSerial, key }).finish()
    const signature = Curve.sign(issuer.private, details)
    return { details, signature: bad ? forged(signature) : signature }
  }
  const chain = proto.CertChain.encode({
    intermediate: certify(root, intermediate.public, 0, forge === 'intermediate'),
    leaf: certify(intermediate, server.public, 1, forge === 'leaf'),
  }).finish()

  let hash = Buffer.from(NOISE_MODE)
  let salt = hash
  let key = hash
  const mixHash = data => (hash = sha256(Buffer.concat([hash, data])))
  const mixKey = secret => {
    const both = hkdf(secret, 64, { salt, info: '' })
    salt = both.subarray(0, 32)
    key = both.subarray(32)
  }
  const seal = data => {
    const body = aesEncryptGCM(data, key, Buffer.alloc(12), hash)
    mixHash(body)
    return body
  }
  mixHash(NOISE_WA_HEADER)
  mixHash(client.public)
  mixHash(ephemeral.public)
  mixKey(Curve.sharedKey(ephemeral.private, client.public))
  const sealedStatic = seal(server.public)
  mixKey(Curve.sharedKey(server.private, client.public))
  const serverHello = {
    ephemeral: ephemeral.public,
    static: sealedStatic,
    payload: seal(chain),
  }
  const handler = baileys.makeNoiseHandler({
    keyPair: client,
    NOISE_HEADER: NOISE_WA_HEADER,
    logger: SILENT,
  })
  try {
    baileys.WA_CERT_DETAILS.PUBLIC_KEY.set(forge === 'root' ? savedRoot : root.public)
    handler.processHandshake({ serverHello }, noise)
  } finally {
    baileys.WA_CERT_DETAILS.PUBLIC_KEY.set(savedRoot)
  }
}

function account(baileys, forge) {
  const { Curve, hmacSign, initAuthCreds, proto } = baileys
  const creds = initAuthCreds()
  const phone = Curve.generateKeyPair()
  const details = proto.ADVDeviceIdentity.encode({ rawId: 1, timestamp: 1, keyIndex: 1 }).finish()
  const signature = Curve.sign(
    phone.private,
    Buffer.concat([Buffer.of(6, 0), details, creds.signedIdentityKey.public])
  )
  const signed = proto.ADVSignedDeviceIdentity.encode({
    details,
    accountSignatureKey: phone.public,
    accountSignature: forge ? forged(signature) : signature,
  }).finish()
  const container = proto.ADVSignedDeviceIdentityHMAC.encode({
    details: signed,
    hmac: hmacSign(signed, Buffer.from(creds.advSecretKey, 'base64')),
  }).finish()
  const children = [
    { tag: 'device-identity', attrs: {}, content: container },
    { tag: 'device', attrs: { jid: '15550001111:1@s.whatsapp.net', lid: '100:1@lid' } },
  ]
  const success = { tag: 'pair-success', attrs: {}, content: children }
  baileys.configureSuccessfulPairing({ tag: 'iq', attrs: { id: '1' }, content: [success] }, creds)
}

async function signedPreKey(baileys, forge) {
  const { Curve, generateSignalPubKey, signedKeyPair } = baileys
  const [own, peer] = [Curve.generateKeyPair(), Curve.generateKeyPair()]
  const { keyPair, signature } = signedKeyPair(peer, 1)
  const storage = {
    isTrustedIdentity: () => true,
    loadSession: () => null,
    storeSession: () => {},
    getOurIdentity: () => ({
      privKey: own.private,
      pubKey: generateSignalPubKey(own.public),
    }),
  }
  await new SessionBuilder(storage, new ProtocolAddress('100', 0)).initOutgoing({
    registrationId: 1,
    identityKey: generateSignalPubKey(peer.public),
    signedPreKey: {
      keyId: 1,
      publicKey: generateSignalPubKey(keyPair.public),
      signature: forge ? forged(signature) : signature,
    },
  })
}

function senderKey(baileys, forge) {
  const { Curve, generateSignalPubKey } = baileys
  const pair = Curve.generateKeyPair()
  const sent = new SenderKeyMessage(1, 0, Buffer.from('text'), pair.private)
  const bytes = Buffer.from(sent.serialize())
  if (forge) bytes[bytes.length - 60] ^= 1
  const received = new SenderKeyMessage(null, null, null, null, bytes)
  received.verifySignature(generateSignalPubKey(pair.public))
}

/** What Baileys did with each input: `accepted`, or `refused: ` and the reason. */
export async function selfCheck(baileys) {
  return {
    certificate: await outcome(() => certificate(baileys)),
    certificate_of_another_root: await outcome(() => certificate(baileys, 'root')),
    forged_intermediate: await outcome(() => certificate(baileys, 'intermediate')),
    forged_leaf: await outcome(() => certificate(baileys, 'leaf')),
    account: await outcome(() => account(baileys)),
    forged_account: await outcome(() => account(baileys, true)),
    signed_pre_key: await outcome(() => signedPreKey(baileys)),
    forged_signed_pre_key: await outcome(() => signedPreKey(baileys, true)),
    sender_key: await outcome(() => senderKey(baileys)),
    forged_sender_key: await outcome(() => senderKey(baileys, true)),
  }
}
