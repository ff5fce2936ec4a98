// Votes in polls and answers to events. This Baileys counts votes that were opened for it, but
// opens none by itself and can't cast one; answers to events it opens for phone numbers alone.
import { randomBytes } from 'node:crypto'

const VOTE = 'Poll Vote'
const ANSWER = 'Event Response'
const KINDS = ['lid', 'pn']

const bytes = text => Buffer.from(text)

/** Encrypt an add-on under the secret of the message that it belongs to. */
function seal(baileys, label, plaintext, { id, secret, author, sender }) {
  const use = Buffer.concat([bytes(id), bytes(author), bytes(sender), bytes(label), Buffer.of(1)])
  const key = baileys.hmacSign(use, baileys.hmacSign(secret, Buffer.alloc(32), 'sha256'), 'sha256')
  const encIv = randomBytes(12)
  const about = bytes(`${id}\u0000${sender}`)
  return { encIv, encPayload: baileys.aesEncryptGCM(plaintext, key, encIv, about) }
}

/** The addresses of a key's author, bare, by kind: `{lid, pn}`. */
async function addressesOf(baileys, socket, key) {
  const { me } = socket.authState.creds
  const known = key.fromMe
    ? [me.id, me.lid]
    : key.participant
      ? [key.participant, key.participantAlt]
      : [key.remoteJid, key.remoteJidAlt]
  const found = {}
  for (const jid of known.filter(Boolean)) {
    const bare = baileys.jidNormalizedUser(jid)
    found[baileys.isLidUser(bare) ? 'lid' : 'pn'] = bare
  }
  const { lidMapping } = socket.signalRepository
  if (!found.pn) found.pn = await lidMapping.getPNForLID(found.lid)
  if (!found.lid) found.lid = await lidMapping.getLIDForPN(found.pn)
  return { lid: baileys.jidNormalizedUser(found.lid), pn: baileys.jidNormalizedUser(found.pn) }
}

function secretOf(baileys, message) {
  const content = message.message
  const inner = baileys.normalizeMessageContent(content)
  const secret = (inner.messageContextInfo ?? content.messageContextInfo)?.messageSecret
  if (!secret?.length) throw new Error(`message ${message.key.id} has no secret`)
  return secret
}

/** Open an add-on with the first pair of addresses that fits; says which kinds those were. */
async function opened(baileys, socket, original, addOn, open) {
  const authors = await addressesOf(baileys, socket, original.key)
  const senders = await addressesOf(baileys, socket, addOn.key)
  const secret = secretOf(baileys, original)
  for (const authorKind of KINDS) {
    for (const senderKind of KINDS) {
      try {
        return { content: open(secret, authors[authorKind], senders[senderKind]), authorKind }
      } catch {
        // not this pair
      }
    }
  }
  throw new Error(`${addOn.key.id} fits no pair of addresses`)
}

/** What this client knows of an original, to add something to it. */
async function placed(baileys, socket, original, kind) {
  const { key } = original
  const isLid = key.addressingMode ? key.addressingMode === 'lid' : !baileys.isPnUser(key.remoteJid)
  const used = kind ?? (isLid ? 'lid' : 'pn')
  const author = (await addressesOf(baileys, socket, key))[used]
  const sender = (await addressesOf(baileys, socket, { fromMe: true }))[used]
  return { id: key.id, secret: secretOf(baileys, original), author, sender }
}

/** A target's key as whoever adds something to it writes it. */
function targetKey({ remoteJid, fromMe, id, participant }) {
  return { remoteJid, fromMe, id, ...(participant && !fromMe ? { participant } : {}) }
}

/**
 * The message that casts a vote.
 *
 * @param options the answers chosen from now on; none takes the vote back
 * @param kind of the addresses that go into the key, `lid` or `pn`; the poll's own by default
 */
export async function vote(baileys, socket, poll, options, kind) {
  const selectedOptions = options.map(option => baileys.sha256(bytes(option)))
  const choice = baileys.proto.Message.PollVoteMessage.encode({ selectedOptions }).finish()
  const sealed = seal(baileys, VOTE, choice, await placed(baileys, socket, poll, kind))
  return {
    pollUpdateMessage: {
      pollCreationMessageKey: targetKey(poll.key),
      vote: sealed,
      senderTimestampMs: Date.now(),
    },
  }
}

/** Who voted for what, as Baileys counts it: `[{name, voters}]`. */
export async function tally(baileys, socket, book, poll) {
  const votes = book.where(content => {
    const update = baileys.normalizeMessageContent(content)?.pollUpdateMessage
    return update?.pollCreationMessageKey?.id === poll.key.id
  })
  const counted = { message: poll.message, pollUpdates: [] }
  for (const message of votes) {
    const update = baileys.normalizeMessageContent(message.message).pollUpdateMessage
    const { content } = await opened(baileys, socket, poll, message, (pollEncKey, author, voter) =>
      baileys.decryptPollVote(update.vote, {
        pollEncKey,
        pollCreatorJid: author,
        pollMsgId: poll.key.id,
        voterJid: voter,
      })
    )
    baileys.updateMessageWithPollUpdate(counted, {
      pollUpdateMessageKey: message.key,
      vote: content,
      senderTimestampMs: update.senderTimestampMs,
    })
  }
  const me = baileys.jidNormalizedUser(socket.authState.creds.me.id)
  return baileys.getAggregateVotesInPollMessage(counted, me)
}

/** The message that answers an event; `response` by its name in the schema. */
export async function answer(baileys, socket, event, response, extraGuests, kind) {
  const { EventResponseMessage } = baileys.proto.Message
  const said = EventResponseMessage.fromObject({
    response,
    timestampMs: Date.now(),
    extraGuestCount: extraGuests,
  })
  const plaintext = EventResponseMessage.encode(said).finish()
  const sealed = seal(baileys, ANSWER, plaintext, await placed(baileys, socket, event, kind))
  return { encEventResponseMessage: { eventCreationMessageKey: targetKey(event.key), ...sealed } }
}

/** Who answered what to an event, in the order of arrival: `[{from, response, extra_guests}]`. */
export async function answers(baileys, socket, book, event) {
  const { EventResponseType } = baileys.proto.Message.EventResponseMessage
  const messages = book.where(content => {
    const found = baileys.normalizeMessageContent(content)?.encEventResponseMessage
    return found?.eventCreationMessageKey?.id === event.key.id
  })
  const read = []
  for (const message of messages) {
    const sealed = baileys.normalizeMessageContent(message.message).encEventResponseMessage
    const { content } = await opened(baileys, socket, event, message, (eventEncKey, author, from) =>
      baileys.decryptEventResponse(sealed, {
        eventEncKey,
        eventCreatorJid: author,
        eventMsgId: event.key.id,
        responderJid: from,
      })
    )
    read.push({
      from: (await addressesOf(baileys, socket, message.key)).pn,
      response: EventResponseType[content.response],
      extra_guests: content.extraGuestCount ?? 0,
    })
  }
  return read
}
