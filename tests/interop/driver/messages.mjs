// Message contents between the tests' JSON and Baileys: bytes and dates, messages named by their
// id, and fields that no schema has.

const UNKNOWN = Symbol('fields that the schema does not have')
const LENGTH_DELIMITED = 2

/** Every message that this client sent or could read, by id; the latest of an id stays. */
export class Book {
  #messages = new Map()

  /** Keep a message; one without content, such as a placeholder, is none. */
  add(message) {
    if (message.message) this.#messages.set(message.key.id, message)
  }

  get(id) {
    const message = this.#messages.get(id)
    if (!message) throw new Error(`no message ${id}`)
    return message
  }

  find(id) {
    return this.#messages.get(id)
  }

  /** Those whose content the predicate accepts, in the order in which they came. */
  where(accepts) {
    return [...this.#messages.values()].filter(message => accepts(message.message))
  }
}

/**
 * What a test wrote as JSON, in the form that Baileys takes.
 *
 * `{"$bytes": base64}` is a buffer, `{"$date": milliseconds}` a date, `{"$message": id}` a message
 * of the book, and `{"$key": id}` that message's key.
 */
export function revived(value, book) {
  if (Array.isArray(value)) return value.map(item => revived(item, book))
  if (value === null || typeof value !== 'object') return value
  const [name, ...others] = Object.keys(value)
  if (others.length === 0) {
    const inner = value[name]
    if (name === '$bytes') return Buffer.from(inner, 'base64')
    if (name === '$date') return new Date(inner)
    if (name === '$message') return book.get(inner)
    if (name === '$key') return { ...book.get(inner).key }
  }
  const entries = Object.entries(value).map(([key, item]) => [key, revived(item, book)])
  return Object.fromEntries(entries)
}

/** Have Baileys write the unknown fields of a message behind those that its schema has. */
export function writeUnknownFields({ proto }) {
  for (const type of [proto.Message, proto.SyncActionValue]) {
    const encode = type.encode
    type.encode = (message, writer) => {
      const written = encode(message, writer)
      for (const { field, bytes } of message[UNKNOWN] ?? []) {
        written.uint32((field << 3) | LENGTH_DELIMITED).bytes(Buffer.from(bytes, 'base64'))
      }
      return written
    }
  }
}

/**
 * A message with fields beyond the schema.
 *
 * @param unknown `[{field: number, bytes: base64}]`
 */
export function withUnknownFields(message, unknown = []) {
  message[UNKNOWN] = unknown
  return message
}

/** A message from protobuf JSON, likewise. */
export function messageFrom(baileys, json, unknown) {
  return withUnknownFields(baileys.proto.Message.fromObject(json), unknown)
}
