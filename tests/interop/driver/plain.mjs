// Values of Baileys as plain JSON values, and the few fields that tests ask for most.

const LIMIT = 64 // nesting; quoted messages nest deeply, cycles must not hang us

/** Numbers for 64-bit integers, base64 for bytes, message text for errors; functions go. */
export function plain(value, depth = 0) {
  if (value === null || value === undefined || depth > LIMIT) return null
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'function' || typeof value === 'symbol') return undefined
  if (typeof value !== 'object') return value
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Error) return fault(value)
  if (typeof value.toNumber === 'function') return value.toNumber()
  if (Array.isArray(value)) return value.map(item => plain(item, depth + 1) ?? null)
  if (value instanceof Map) value = Object.fromEntries(value)
  if (value instanceof Set) return plain([...value], depth)
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined && item !== null)
    .map(([name, item]) => [name, plain(item, depth + 1)])
  return Object.fromEntries(entries)
}

/** An error as its text and, where Baileys gave one, its status code. */
export function fault(error) {
  return {
    message: String(error?.message ?? error),
    status_code: error?.output?.statusCode ?? null,
  }
}

const textOf = content =>
  content?.conversation ??
  content?.extendedTextMessage?.text ??
  content?.imageMessage?.caption ??
  content?.videoMessage?.caption ??
  null

/**
 * One message of `messages.upsert`: what tests compare, all of it under `raw`, and its content in
 * `bytes` as a serialized protobuf.
 */
export function messageOf(baileys, message) {
  const content = baileys.normalizeMessageContent(message.message ?? undefined)
  return {
    key: plain(message.key),
    text: textOf(content),
    timestamp: Number(message.messageTimestamp ?? 0),
    push_name: message.pushName ?? null,
    status: message.status ?? null,
    stub: message.messageStubType ?? null,
    bytes: message.message ? plain(baileys.proto.Message.encode(message.message).finish()) : null,
    raw: plain(message),
  }
}

/**
 * One `messaging-history.set`: chats and contacts as they are, of each message what names it, when
 * it was written, and its text.
 */
export function historyOf(baileys, data) {
  return {
    sync_type: data.syncType ?? null,
    progress: data.progress ?? null,
    chunk_order: data.chunkOrder ?? null,
    request_id: data.peerDataRequestSessionId ?? null,
    chats: data.chats.map(({ messages, ...chat }) => plain(chat)),
    contacts: plain(data.contacts),
    messages: data.messages.map(message => [
      message.key.remoteJid,
      message.key.id,
      Boolean(message.key.fromMe),
      message.key.participant ?? null,
      Number(message.messageTimestamp ?? 0),
      message.messageStubType ?? 0,
      textOf(baileys.normalizeMessageContent(message.message ?? undefined)),
    ]),
  }
}
