#!/usr/bin/env python3
"""websockets.py: receives cases of bytes on its standard input, and says on its standard output
what the sans-IO layer of the package `websockets` makes of each, until the input ends.

    case    length (4) │ client? deflate? no context takeover? window bits (1 each)
            largest message (4) │ largest frame (4) │ length (2) piece │ length (2) piece …
    answer  length (4) │ kind (1) length (4) bytes │ kind …
    kind    t text │ b binary │ i ping │ o pong │ c close, its payload │ f failed, with this code
            w what it wrote

Text is decoded as it comes, as the package's own `recv_streaming` does; that layer, too, fails the
connection with 1007 where it cannot be.
"""

import codecs
import pathlib
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "target" / "interop" / "python"))

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import CloseCode, Opcode
from websockets.protocol import Protocol, Side

CONTROLS = {Opcode.PING: b"i", Opcode.PONG: b"o", Opcode.CLOSE: b"c"}
DECODER = codecs.getincrementaldecoder("utf-8")


class Messages:
    """Joins frames to messages."""

    def __init__(self):
        self.kind = b""
        self.parts = []
        self.decoder = None

    def take(self, frame):
        """What a frame comes to: a kind and its bytes, or nothing yet."""
        if frame.opcode in CONTROLS:
            return CONTROLS[frame.opcode], bytes(frame.data)
        if frame.opcode is not Opcode.CONT:
            self.kind = b"t" if frame.opcode is Opcode.TEXT else b"b"
            self.decoder = DECODER() if frame.opcode is Opcode.TEXT else None
            self.parts = []
        if self.decoder is not None:
            self.decoder.decode(bytes(frame.data), frame.fin)
        self.parts.append(bytes(frame.data))
        return (self.kind, b"".join(self.parts)) if frame.fin else None


def pieces(case, at):
    while at < len(case):
        (length,) = struct.unpack_from(">H", case, at)
        yield case[at + 2 : at + 2 + length]
        at += 2 + length


def receive(case):
    """Yields what comes of a case: what is said, to its end, then what was written."""
    client, deflate, no_takeover, bits, *limits = struct.unpack_from(">BBBBII", case)
    protocol = Protocol(Side.CLIENT if client else Side.SERVER, max_size=tuple(limits))
    if deflate:
        protocol.extensions = [PerMessageDeflate(bool(no_takeover), False, bits, 15)]
    written = []
    yield from events(protocol, pieces(case, 12), written)
    yield b"w", b"".join(written)


def events(protocol, pieces, written):
    messages = Messages()
    for piece in pieces:
        protocol.receive_data(piece)
        written += protocol.data_to_send()
        for frame in protocol.events_received():
            try:
                said = messages.take(frame)
            except UnicodeDecodeError:
                yield failed(CloseCode.INVALID_DATA)
                return
            if said is not None:
                yield said
            if frame.opcode is Opcode.CLOSE:
                return
        if protocol.parser_exc is not None:
            yield failed(protocol.close_sent.code)
            return


def failed(code):
    return b"f", code.to_bytes(2)


def main():
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while head := source.read(4):
        said = list(receive(source.read(int.from_bytes(head))))
        answer = b"".join(kind + len(data).to_bytes(4) + data for kind, data in said)
        sink.write(len(answer).to_bytes(4) + answer)
        sink.flush()


main()
