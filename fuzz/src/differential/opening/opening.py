#!/usr/bin/env python3
"""opening.py: receives requests on its standard input, and says on its standard output what the
sans-IO server of the package `websockets` makes of each, until the input ends.

    case    length (4) │ bytes of a client
    answer  length (4) │ w it waits │ f it fails, the error │ a it accepts, with this
            Sec-WebSocket-Accept (28) and what is left
"""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT / "target" / "interop" / "python"))

from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.streams import StreamReader


def rest(data):
    """What the package's parser leaves of a head and what follows it."""
    reader = StreamReader()
    reader.feed_data(data)
    for _ in Request.parse(reader.read_line):
        raise EOFError("no whole head")
    return bytes(reader.buffer)


def receive(data):
    protocol = ServerProtocol()
    protocol.receive_data(data)
    # What follows the request are frames, if only bytes that could be some.
    for request in protocol.events_received()[:1]:
        response = protocol.accept(request)
        if response.status_code == 101:
            accept = response.headers["Sec-WebSocket-Accept"]
            return b"a" + accept.encode() + rest(data)
    if protocol.handshake_exc is None:
        return b"w"
    return b"f" + repr(protocol.handshake_exc).encode()


def main():
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while head := source.read(4):
        answer = receive(source.read(int.from_bytes(head)))
        sink.write(len(answer).to_bytes(4) + answer)
        sink.flush()


main()
