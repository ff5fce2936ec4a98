"""WhatsApp's binary XML: JIDs, nodes, and their bytes."""

from .decoder import MAX_INFLATED, decode_node, decode_stanza
from .encoder import MAX_DEPTH, encode_node, encode_stanza
from .jid import GROUP_SERVER, KNOWN_SERVERS, SERVER, STATUS, Jid
from .node import AttrValue, Node
from .tokens import DICTIONARY_VERSION

__all__ = [
    "DICTIONARY_VERSION",
    "GROUP_SERVER",
    "KNOWN_SERVERS",
    "MAX_DEPTH",
    "MAX_INFLATED",
    "SERVER",
    "STATUS",
    "AttrValue",
    "Jid",
    "Node",
    "decode_node",
    "decode_stanza",
    "encode_node",
    "encode_stanza",
]
