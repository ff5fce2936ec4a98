// What a client says: contents in Baileys' own form and others, votes and answers.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { answer, answers, tally, vote } from './addons.mjs'
import { messageFrom, revived } from './messages.mjs'
import { messageOf } from './plain.mjs'

export class Sending {
  #baileys
  #client
  #book

  /** @param client has a socket, a logger and a folder */
  constructor(baileys, client, book) {
    this.#baileys = baileys
    this.#client = client
    this.#book = book
  }

  /**
   * Send content in Baileys' own form; what was sent can be sent again after a restart.
   *
   * @param content may hold what `revived` understands; so may the options
   * @param options of Baileys' `sendMessage`
   * @param stanza_type instead of the one that Baileys gives the stanza: it calls what can be seen
   *   once media, but does not say which, and the server drops that
   */
  async send(to, content, { message_id, options, stanza_type }) {
    const socket = this.#client.socket
    const more = revived(options ?? {}, this.#book)
    if (message_id) more.messageId = message_id
    const made = revived(content, this.#book)
    if (stanza_type) return this.#sendAs(stanza_type, to, made, more)
    const sent = await socket.sendMessage(to, made, more)
    // A group's timer is a property of the group: no message is sent for it.
    if (!sent) return null
    await this.#keepSent(sent)
    return { id: sent.key.id, ...messageOf(this.#baileys, sent) }
  }

  async #sendAs(type, to, content, options) {
    const socket = this.#client.socket
    const { message } = await this.#baileys.generateWAMessage(to, content, {
      logger: this.#client.logger,
      userJid: socket.user.id,
      upload: socket.waUploadToServer,
      ...options,
    })
    return this.#relay(to, message, { message_id: options.messageId, attributes: { type } })
  }

  /**
   * Send a content that Baileys has no form of its own for.
   *
   * @param json protobuf JSON
   * @param options unknown: fields that the schema lacks; attributes and nodes of the stanza;
   *   status_jid_list; message_id
   */
  async relay(to, json, options = {}) {
    const message = messageFrom(this.#baileys, revived(json, this.#book), options.unknown)
    return this.#relay(to, message, options)
  }

  async #relay(to, message, { message_id, attributes, nodes, status_jid_list }) {
    const socket = this.#client.socket
    const messageId = message_id ?? this.#baileys.generateMessageIDV2(socket.user.id)
    const key = { remoteJid: to, fromMe: true, id: messageId }
    const messageTimestamp = Math.floor(Date.now() / 1000)
    await this.#keepSent({ key, message, messageTimestamp })
    await socket.relayMessage(to, message, {
      messageId,
      additionalAttributes: attributes,
      additionalNodes: nodes,
      statusJidList: status_jid_list,
    })
    return { id: messageId, ...messageOf(this.#baileys, { key, message, messageTimestamp }) }
  }

  async #keepSent(sent) {
    this.#book.add(sent)
    const bytes = this.#baileys.proto.Message.encode(sent.message).finish()
    await writeFile(join(this.#client.folder, 'sent', sent.key.id), bytes)
  }

  /** Vote in a poll of the book, with all the answers that are chosen from now on. */
  async vote(id, options, kind) {
    const poll = this.#book.get(id)
    const content = await vote(this.#baileys, this.#client.socket, poll, options, kind)
    return this.#relay(poll.key.remoteJid, content, {
      nodes: [{ tag: 'meta', attrs: { polltype: 'vote' } }],
    })
  }

  tally(id) {
    return tally(this.#baileys, this.#client.socket, this.#book, this.#book.get(id))
  }

  /** Answer an event of the book. */
  async answer(id, response, extraGuests, kind) {
    const event = this.#book.get(id)
    const said = [response, extraGuests, kind]
    const content = await answer(this.#baileys, this.#client.socket, event, ...said)
    return this.#relay(event.key.remoteJid, content, {
      attributes: { type: 'event' },
      nodes: [{ tag: 'meta', attrs: { event_type: 'response' } }],
    })
  }

  answers(id) {
    return answers(this.#baileys, this.#client.socket, this.#book, this.#book.get(id))
  }
}
