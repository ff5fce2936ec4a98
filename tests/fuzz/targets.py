"""What the fuzzer feeds: every reader of bytes from outside, and good inputs to start from."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import time
import wave
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import av
from av.video.stream import VideoStream
from google.protobuf.message import DecodeError as ProtobufError
from PIL import Image

from waport.appstate import (
    Collection,
    CollectionState,
    KeyRing,
    Mutation,
    Operation,
    SealedRecord,
    apply_copy,
    apply_patch,
    apply_snapshot,
    build_patch,
    index_mac,
    index_text,
    mutation_data,
    open_record,
    parse_blob_reference,
    parse_copy,
    parse_patch,
    parse_snapshot,
    seal_mutation,
    value_mac,
)
from waport.appstate.actions import (
    ArchiveChat,
    MessageRange,
    MessageRef,
    PinChat,
    RangeMessage,
    StatusPrivacy,
    UnknownAction,
    read_action,
    write_action,
)
from waport.client.addons import is_add_on
from waport.client.probe_files import BoundedFile, ProbeStopped
from waport.client.probing import WORK_S, read_audio, read_image, read_video
from waport.crypto import KeyPair, aes_cbc_encrypt, sign
from waport.errors import DecryptError, InvalidInput, PairingError, StanzaError, WhatsAppError
from waport.events import render
from waport.media import (
    MediaKind,
    SealedRetry,
    decrypt_media,
    encrypt_media,
    open_retry_answer,
    seal_retry_request,
)
from waport.model import (
    Ack,
    AckChanged,
    Message,
    MessageAdded,
    MessageKey,
    MessageKind,
    MessageUndecryptable,
)
from waport.model.contents import (
    EncryptedComment,
    EncryptedReaction,
    EventResponse,
    PollVote,
    Sealed,
    TargetKey,
)
from waport.noise import (
    ClientHandshake,
    FrameReader,
    IntroReader,
    ServerHandshake,
    build_chain,
    encode_frame,
    intro,
    verify_chain,
)
from waport.pairing import parse_key_index_list, parse_pair_success, parse_qr, verify_pair_success
from waport.proto import pb
from waport.signal import (
    LocalIdentity,
    PreKeyBundle,
    SenderKeyRecord,
    SessionRecord,
    SignedPreKey,
    accept_distribution,
    create_sender_key,
    decrypt_group,
    decrypt_message,
    decrypt_pre_key_message,
    distribution_message,
    encrypt,
    encrypt_group,
    generate_pre_keys,
    pad,
    parse_distribution,
    start_session,
    unpad,
)
from waport.stanza.addons import (
    AddOn,
    Original,
    open_event_response,
    open_message,
    open_reaction,
    open_vote,
    seal,
)
from waport.stanza.appstate import CollectionRequest, SyncCollections, parse_server_sync
from waport.stanza.bot import open_bot_reply
from waport.stanza.content import parse_content, unwrap
from waport.stanza.contents import quote, read_message, write_message
from waport.stanza.contents.traits import business_nodes, traits
from waport.stanza.history import load_notice
from waport.stanza.history_blob import overview, parts
from waport.stanza.history_messages import parse_history_message
from waport.stanza.media import (
    FetchMediaConn,
    RetrySubject,
    media_retry_receipt,
    parse_media_retry,
)
from waport.stanza.message import OwnAddresses, parse_message
from waport.stanza.notification import parse_device_change
from waport.stanza.peer import parse_mapping_sync, parse_phone_copy
from waport.stanza.prekeys import FetchBundles, FetchDigest
from waport.stanza.receipt import parse_receipt
from waport.stanza.reporting import reported_bytes, reporting_node
from waport.stanza.tokens import parse_privacy_token
from waport.stanza.usync import FetchDevices
from waport.wire import Jid, Node, decode_stanza, encode_stanza


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes:
        read: raises nothing but our own errors, whatever it is given.
        seeds: inputs that it accepts.
    """

    name: str
    read: Callable[[bytes], object]
    seeds: Sequence[bytes]


_ALICE, _BOB = KeyPair.generate(), KeyPair.generate()
_SIGNED = SignedPreKey.create(_BOB, 1)
_PRE_KEY = generate_pre_keys(1, 1)[0]
_A, _B = LocalIdentity(_ALICE, 11), LocalIdentity(_BOB, 22)


def _sessions() -> tuple[SessionRecord, SessionRecord, bytes, bytes]:
    """Both records after a first message, that message, and a reply's body."""
    bundle = PreKeyBundle(
        22,
        _BOB.public,
        1,
        _SIGNED.pair.public,
        _SIGNED.signature,
        _PRE_KEY.id,
        _PRE_KEY.pair.public,
    )
    alice, first = encrypt(start_session(_A, bundle), pad(b"\x0a\x02hi"))
    opened = decrypt_pre_key_message(
        _B,
        None,
        first.body,
        signed_pre_key=lambda _: _SIGNED.pair,
        pre_key=lambda _: _PRE_KEY.pair,
    )
    bob, reply = encrypt(opened.record, pad(b"\x0a\x02hi"))
    return alice, bob, first.body, reply.body


_ALICE_RECORD, _BOB_RECORD, _FIRST, _REPLY = _sessions()
_SENDER_KEY = create_sender_key()
_DISTRIBUTION = distribution_message(_SENDER_KEY)
_, _GROUP_MESSAGE = encrypt_group(_SENDER_KEY, pad(b"\x0a\x02hi"))
_GROUP_MEMBER = accept_distribution(None, parse_distribution(_DISTRIBUTION))
_OWN = OwnAddresses(Jid("15550001111", "s.whatsapp.net", 1), Jid("1001", "lid", 1))
_PEER = Jid("1002", "lid", 3)


def _stanza(data: bytes) -> None:
    """Decode, then let everything read the node that reads nodes of its kind."""
    node = decode_stanza(data)
    encode_stanza(node)
    readers: Sequence[Callable[[], object]] = (
        lambda: parse_message(node, _OWN),
        lambda: parse_receipt(node),
        lambda: parse_device_change(node),
        lambda: FetchDevices([_PEER.bare], "1").parse(node),
        lambda: FetchBundles([_PEER]).parse(node),
        lambda: parse_pair_success(node),
        lambda: FetchMediaConn().parse(node),
        lambda: parse_media_retry(node),
        lambda: SyncCollections([CollectionRequest(Collection.REGULAR)]).parse(node),
        lambda: parse_server_sync(node),
        lambda: FetchDigest().parse(node),
        lambda: parse_privacy_token(node, 1_700_000_000),
    )
    for reader in readers:
        try:
            reader()
        except (StanzaError, PairingError):
            continue


def _group_message(data: bytes) -> None:
    """As it comes, and as if its sender had signed it: most mutations end at the signature."""
    try:
        decrypt_group(_GROUP_MEMBER, data)
    except DecryptError:
        signed = data[:-64]
        private = _SENDER_KEY.states[0].signing_private
        decrypt_group(_GROUP_MEMBER, signed + sign(private, signed))


def _content(data: bytes) -> None:
    unwrap(parse_content(data))


def _values(data: bytes) -> None:
    """A content as a value and back, and all that is derived from it on the way out."""
    message = parse_content(data)
    write_message(read_message(message))
    traits(message)
    business_nodes(message, to=_PEER, now=0)
    quote(message, "3EB0AA", _PEER)
    reporting_node(message, message_id="3EB0AA", sender=_PEER, chat=_PEER)


_CONTENTS = tuple(
    bytes.fromhex(case["bytes"])
    for case in json.loads(
        (Path(__file__).parents[1] / "vectors" / "proto.json").read_text(encoding="utf-8")
    )["messages"]
    if case["type"] == "Message"
)
_ORIGINAL = Original("3EB0AA", (_PEER.bare,), bytes(32))
_TARGET = TargetKey("3EB0AA")


def _add_ons(data: bytes) -> None:
    """Good ciphertexts with this inside."""

    def sealed(add_on: AddOn) -> Sealed:
        return seal(add_on, data, _ORIGINAL, [_PEER])

    readers: Sequence[Callable[[], object]] = (
        lambda: open_vote(PollVote(_TARGET, sealed(AddOn.POLL_VOTE)), _ORIGINAL, [_PEER]),
        lambda: open_event_response(
            EventResponse(_TARGET, sealed(AddOn.EVENT_RESPONSE)), _ORIGINAL, [_PEER]
        ),
        lambda: open_reaction(
            EncryptedReaction(_TARGET, sealed(AddOn.REACTION)), _ORIGINAL, [_PEER]
        ),
        lambda: open_message(EncryptedComment(_TARGET, sealed(AddOn.COMMENT)), _ORIGINAL, [_PEER]),
    )
    for reader in readers:
        try:
            reader()
        except WhatsAppError:
            continue


_HISTORY = pb.HistorySync(
    syncType=pb.HistorySync.RECENT,
    conversations=[
        pb.Conversation(
            id="15550002222@s.whatsapp.net",
            unreadCount=1,
            messages=[
                pb.HistorySyncMsg(
                    message=pb.WebMessageInfo(
                        key=pb.MessageKey(id="M1"), message=pb.Message(conversation="hello")
                    )
                )
            ],
        )
    ],
    pushnames=[pb.Pushname(id="15550002222@s.whatsapp.net", pushname="Bob")],
).SerializeToString()


def _history(data: bytes) -> None:
    overview(io.BytesIO(data).read)
    for _ in parts(io.BytesIO(data).read, is_add_on):
        pass


def _history_inside(data: bytes) -> None:
    _history(zlib.compress(data))


def _bot_reply(data: bytes) -> None:
    open_bot_reply(data, bytes(32), message_id="3EB0AA", prompter=_PEER, bot=_PEER)


def _no_number(word: str) -> NoReturn:
    raise AssertionError(f"{word} is no JSON")


def _events(data: bytes) -> None:
    """The events of a message with this content; they are JSON, whatever it says."""
    peer = Jid("15559990000", "s.whatsapp.net")
    message = Message(MessageKey(peer, "3EB0AA", False, peer), 1, data, MessageKind.OTHER)
    for event in (
        MessageAdded(message),
        AckChanged(message, Ack.READ),
        MessageUndecryptable(message),
    ):
        for frame in render(event, _OWN.pn):
            json.loads(frame.text.encode(), parse_constant=_no_number)


_RENDERED = (
    pb.Message(
        locationMessage=pb.LocationMessage(
            degreesLatitude=1.5, degreesLongitude=float("nan"), name="Pier", address="Road 1"
        )
    ),
    pb.Message(
        extendedTextMessage=pb.ExtendedTextMessage(
            text="see (http://a.example/(b)).",
            contextInfo=pb.ContextInfo(
                mentionedJid=["1@lid"],
                groupMentions=[pb.GroupMention(groupJid="1203@g.us", groupSubject="Team")],
                quotedMessage=pb.Message(conversation="before"),
            ),
        )
    ),
    pb.Message(
        pollCreationMessageV3=pb.PollCreationMessage(
            name="Lunch?", options=[pb.PollCreationMessage.Option(optionName="Yes")]
        ),
        messageContextInfo=pb.MessageContextInfo(messageSecret=bytes(32)),
    ),
    pb.Message(
        ephemeralMessage=pb.FutureProofMessage(
            message=pb.Message(imageMessage=pb.ImageMessage(caption="c", mediaKey=bytes(32)))
        )
    ),
)


def _handshakes() -> tuple[bytes, bytes, KeyPair, bytes]:
    root, intermediate, static = (KeyPair.generate() for _ in range(3))
    chain = build_chain(root, intermediate, static.public, 0, 2**31)
    return chain, root.public, static, intermediate.public


_CHAIN, _ROOT, _STATIC, _ = _handshakes()
_CLIENT_HELLO = ClientHandshake(_ALICE, b"payload", _ROOT).client_hello()
_SERVER_HELLO = ServerHandshake(_STATIC, _CHAIN).receive_client_hello(_CLIENT_HELLO)


def _server_hello(data: bytes) -> None:
    client = ClientHandshake(_ALICE, b"payload", _ROOT)
    client.client_hello()
    client.receive_server_hello(data, 1_700_000_000)


def _frames(data: bytes) -> None:
    reader = FrameReader(4096)
    for start in range(0, len(data), 7):
        reader.feed(data[start : start + 7])


_MESSAGE_STANZA = encode_stanza(
    Node(
        "message",
        {"from": _PEER, "id": "3EB0AA", "t": "1700000000", "type": "text", "notify": "Bob"},
        [
            Node("enc", {"v": "2", "type": "pkmsg"}, _FIRST),
            Node("device-identity", {}, os.urandom(80)),
        ],
    )
)
_RECEIPT_STANZA = encode_stanza(
    Node(
        "receipt",
        {"from": _PEER, "id": "3EB0AA", "type": "retry"},
        [
            Node("retry", {"count": "1", "id": "3EB0AA", "t": "1", "v": "1"}),
            Node("registration", {}, b"\0\0\0\1"),
        ],
    )
)

_MEDIA_KEY = bytes(range(32))
_SEALED = seal_retry_request(_MEDIA_KEY, "3EB0AA")
_MEDIA_CONN_STANZA = encode_stanza(
    Node(
        "iq",
        {"id": "1", "type": "result"},
        [
            Node(
                "media_conn",
                {"auth": "A", "ttl": "300", "auth_ttl": "300"},
                [
                    Node(
                        "host",
                        {"hostname": "mmg.whatsapp.net", "type": "primary"},
                        [Node("upload", {}, [Node("image")]), Node("download")],
                    )
                ],
            )
        ],
    )
)
_MEDIA_RETRY_STANZA = encode_stanza(
    media_retry_receipt("3EB0AA", _PEER, _SEALED, RetrySubject(_PEER, False))
)


_SYNC_KEY = bytes(6)
_SYNC_KEYS = KeyRing({_SYNC_KEY: bytes(32)})
_MUTATIONS = [
    write_action(action, timestamp_ms=1).mutation
    for action in (
        PinChat(_PEER, True),
        ArchiveChat(
            _PEER, True, MessageRange(5, 0, (RangeMessage(MessageRef(_PEER, "3EB0AA", True), 5),))
        ),
        StatusPrivacy(users=(_PEER,)),
    )
] + [Mutation(Operation.SET, index_text(["label_edit", "5"]), b"\x72\x04\x0a\x02hi", 3, 0)]
_UPLOAD = build_patch(
    Collection.REGULAR, CollectionState(), _MUTATIONS, _SYNC_KEYS, _SYNC_KEY, {}.get
)
_SYNC_STANZA = encode_stanza(
    Node(
        "iq",
        {"id": "1", "type": "result"},
        [
            Node(
                "sync",
                {},
                [
                    Node(
                        "collection",
                        {"name": "regular", "version": "1", "type": "error"},
                        [
                            Node("error", {"code": "409"}),
                            Node("snapshot", {}, b"\x0a\x01x"),
                            Node("patches", {}, [Node("patch", {}, _UPLOAD.patch())]),
                        ],
                    )
                ],
            )
        ],
    )
)


_COPY = pb.SyncdSnapshotRecovery(
    version=pb.SyncdVersion(version=1),
    collectionName="regular",
    mutationRecords=[
        pb.SyncdPlainTextRecord(
            value=pb.SyncActionData.FromString(mutation_data(mutation)),
            keyId=_SYNC_KEY,
            mac=record.value_mac,
        )
        for mutation, record in zip(_UPLOAD.mutations, _UPLOAD.records, strict=True)
    ],
    collectionLthash=_UPLOAD.state.lthash,
).SerializeToString()


def _app_state_patch(data: bytes) -> None:
    apply_patch(Collection.REGULAR, CollectionState(), parse_patch(data), _SYNC_KEYS, {}.get)


def _app_state_snapshot(data: bytes) -> None:
    apply_snapshot(Collection.REGULAR, parse_snapshot(data), _SYNC_KEYS)


def _app_state_copy(data: bytes) -> None:
    apply_copy(parse_copy(data, is_compressed=data[:1] == b"\x1f"), _SYNC_KEYS)


def _app_state_mutation(data: bytes) -> None:
    """As if an own device had sealed it: what is tampered with on the way ends at a MAC."""
    keys = _SYNC_KEYS.expand(_SYNC_KEY)
    body = bytes(16) + aes_cbc_encrypt(keys.value_encryption, bytes(16), data)
    blob = body + value_mac(keys, _SYNC_KEY, Operation.SET, body)
    try:
        index = pb.SyncActionData.FromString(data).index
    except ProtobufError:
        index = b""
    record = SealedRecord(Operation.SET, index_mac(keys, index), blob, _SYNC_KEY)
    mutation = open_record(record, keys)
    action = read_action(mutation)
    if not isinstance(action, UnknownAction):
        write_action(action, timestamp_ms=mutation.timestamp_ms)
    seal_mutation(mutation, _SYNC_KEY, keys)


def _picture(kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (9, 7)).save(out, kind)
    return out.getvalue()


def _page(position: int, kind: int, content: bytes) -> bytes:
    """One page of an Ogg stream."""
    head = b"OggS\0" + bytes((kind,)) + struct.pack("<QIIIB", position, 7, 0, 0, 1)
    return head + bytes((len(content),)) + content


_VOICE = _page(0, 2, b"OpusHead\1\1" + struct.pack("<HIhB", 312, 48_000, 0, 0)) + _page(
    96_312, 4, bytes(20)
)


def _tone() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(400))
    return out.getvalue()


def _film(container: str, codec: str) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=5)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(3):
            file.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", (32, 32)))))
        file.mux(stream.encode(None))
    return out.getvalue()


def _probe(read: Callable[[BoundedFile], object]) -> Callable[[bytes], None]:
    def look(data: bytes) -> None:
        try:
            read(BoundedFile(io.BytesIO(data), time.monotonic() + WORK_S))
        except ProbeStopped:
            return

    return look


TARGETS: Sequence[Target] = (
    Target(
        "stanza decoder",
        _stanza,
        (_MESSAGE_STANZA, _RECEIPT_STANZA, _MEDIA_CONN_STANZA, _MEDIA_RETRY_STANZA, _SYNC_STANZA),
    ),
    Target("frame reader", _frames, (encode_frame(b"hello") + encode_frame(bytes(300)),)),
    Target("intro reader", lambda data: IntroReader().feed(data), (intro(b"\x08\x0d"), intro())),
    Target(
        "client hello",
        lambda data: ServerHandshake(_STATIC, _CHAIN).receive_client_hello(data),
        (_CLIENT_HELLO,),
    ),
    Target("server hello", _server_hello, (_SERVER_HELLO,)),
    Target(
        "certificate chain",
        lambda data: verify_chain(data, _STATIC.public, _ROOT, 1_700_000_000),
        (_CHAIN,),
    ),
    Target(
        "first message",
        lambda data: decrypt_pre_key_message(
            _B,
            _BOB_RECORD,
            data,
            signed_pre_key=lambda _: _SIGNED.pair,
            pre_key=lambda _: _PRE_KEY.pair,
        ),
        (_FIRST,),
    ),
    Target("message", lambda data: decrypt_message(_ALICE_RECORD, data), (_REPLY,)),
    Target("session record", SessionRecord.load, (_ALICE_RECORD.dump(), _BOB_RECORD.dump())),
    Target("sender-key message", _group_message, (_GROUP_MESSAGE,)),
    Target(
        "sender-key distribution",
        lambda data: accept_distribution(_GROUP_MEMBER, parse_distribution(data)),
        (_DISTRIBUTION, _DISTRIBUTION[1:]),
    ),
    Target(
        "sender-key record",
        SenderKeyRecord.load,
        (_SENDER_KEY.dump(), decrypt_group(_GROUP_MEMBER, _GROUP_MESSAGE)[0].dump()),
    ),
    Target("padding", unpad, (pad(b"hello"),)),
    Target("message content", _content, (b"\x0a\x02hi", b"\xa2\x02\x06\x0a\x04\x0a\x02hi")),
    Target("content values", _values, _CONTENTS),
    Target("reported bytes", reported_bytes, _CONTENTS),
    Target(
        "add-ons",
        _add_ons,
        (b"\x0a\x20" + bytes(32), b"\x08\x01\x10\x80\xf8\xa5\xf9\xc1\x32", b"\x0a\x02hi"),
    ),
    Target("bot reply", _bot_reply, (b"\x0d\x01\0\0\0\x12\x0c" + bytes(12) + b"\x1a\x01x",)),
    Target("event rendering", _events, [each.SerializeToString() for each in _RENDERED]),
    Target("app-state patch", _app_state_patch, (_UPLOAD.patch() + b"\x0a\x02\x08\x01",)),
    Target(
        "app-state snapshot",
        _app_state_snapshot,
        (
            pb.SyncdSnapshot(
                version=pb.SyncdVersion(version=1),
                records=[
                    each.record for each in pb.SyncdMutations.FromString(_UPLOAD.blob()).mutations
                ],
                mac=_UPLOAD.snapshot_mac,
                keyId=pb.KeyId(id=_SYNC_KEY),
            ).SerializeToString(),
        ),
    ),
    Target("app-state copy", _app_state_copy, (_COPY, gzip.compress(_COPY))),
    Target("app-state mutation", _app_state_mutation, [mutation_data(each) for each in _MUTATIONS]),
    Target(
        "app-state file",
        parse_blob_reference,
        (
            b"\x0a\x20"
            + bytes(32)
            + b"\x12\x02/x\x20\x05\x2a\x20"
            + bytes(32)
            + b"\x32\x20"
            + bytes(32),
        ),
    ),
    Target(
        "phone's copy",
        parse_phone_copy,
        (
            pb.WebMessageInfo(
                key=pb.MessageKey(remoteJid="15550002222@s.whatsapp.net", id="3EB0AA"),
                message=pb.Message(conversation="hello"),
                messageTimestamp=1_700_000_000,
                messageSecret=bytes(32),
                pushName="Bob",
            ).SerializeToString(),
        ),
    ),
    Target("mapping sync", parse_mapping_sync, (b"\x0a\x06\x08\x01\x10\x02\x18\x03",)),
    Target("history", _history, (zlib.compress(_HISTORY),)),
    Target("history inside", _history_inside, (_HISTORY,)),
    Target("history notice", load_notice, (b"\x30\x03\x38\x01\x48\x32",)),
    Target(
        "history message",
        lambda data: parse_history_message(data, is_add_on),
        (b"\x0a\x18\x0a\x04\x1a\x02M1\x12\x04\x0a\x02hi\x18\x01",),
    ),
    Target(
        "device identity",
        lambda data: verify_pair_success(data, bytes(32), _ALICE),
        (b"\x0a\x04\x0a\x02\x18\x01\x12\x20" + bytes(32),),
    ),
    Target("key index list", parse_key_index_list, (b"\x0a\x04\x08\x01\x10\x01",)),
    Target(
        "media file",
        lambda data: decrypt_media(data, _MEDIA_KEY, MediaKind.IMAGE),
        (encrypt_media(b"hello media", _MEDIA_KEY, MediaKind.IMAGE)[0],),
    ),
    Target(
        "media retry answer",
        lambda data: open_retry_answer(_MEDIA_KEY, "3EB0AA", SealedRetry(data[12:], data[:12])),
        (_SEALED.iv + _SEALED.ciphertext,),
    ),
    Target(
        "image probe",
        _probe(lambda file: read_image(file, 100)),
        tuple(_picture(kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP")),
    ),
    Target("audio probe", _probe(lambda file: read_audio(file, True)), (_VOICE, _tone())),
    Target(
        "video probe",
        _probe(lambda file: read_video(file, 100)),
        (_film("mp4", "mpeg4"), _film("webm", "libvpx")),
    ),
    Target(
        "QR text",
        lambda data: parse_qr(data.decode("latin-1")),
        (b"2@REF," + b",".join([b"A" * 43 + b"="] * 3) + b",1",),
    ),
)

EXPECTED = (WhatsAppError, InvalidInput)
"""What a reader may raise."""
