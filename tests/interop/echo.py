"""What the two websockets_*.py share: an echo over the package `websockets`, and its report."""

import hashlib
import json
import pathlib
import sys

# Who waits for us never waits for ever.
LIMIT = 120

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "target" / "interop" / "python"))


def deflate(factory, settings):
    """The extensions: one by `factory`, set as the JSON says in its own words, or none."""

    class Tapped(factory):
        """Puts the tap in before the first message can come."""

        def process_response_params(self, *args):
            return Tap(super().process_response_params(*args))

        def process_request_params(self, *args):
            answer, extension = super().process_request_params(*args)
            return answer, Tap(extension)

    settings = json.loads(settings)
    return None if settings is False else [Tapped(**settings)]


def report(**values):
    """One line; it is written when this returns."""
    print(json.dumps(values, separators=(",", ":")), flush=True)


class Tap:
    """Counts the messages that the extension compresses and decompresses, and can hold it off."""

    def __init__(self, inner):
        self.name = inner.name
        self.inner = inner
        self.compressed = self.decompressed = 0
        self.plain = False

    def decode(self, frame, *, max_size=None):
        self.decompressed += frame.rsv1
        return self.inner.decode(frame, max_size=max_size)

    def encode(self, frame):
        encoded = frame if self.plain else self.inner.encode(frame)
        self.compressed += encoded.rsv1
        return encoded


def parameters(connection, inner):
    """What was agreed, as the extension itself has it."""
    local = inner.local_no_context_takeover, inner.local_max_window_bits
    remote = inner.remote_no_context_takeover, inner.remote_max_window_bits
    server, client = (remote, local) if connection.protocol.side.name == "CLIENT" else (local, remote)
    return {
        "server_no_context_takeover": server[0],
        "client_no_context_takeover": client[0],
        "server_max_window_bits": server[1],
        "client_max_window_bits": client[1],
    }


def thirds(message):
    third = len(message) // 3
    return [message[:third], message[third : 2 * third], message[2 * third :]]


async def echo(connection):
    """Sends back all that comes, and prints one line of JSON about it once all is over."""
    extensions = connection.protocol.extensions
    tap = extensions[0] if extensions else None
    digest = hashlib.sha1()
    received = 0
    async for message in connection:
        data = message if isinstance(message, bytes) else message.encode()
        kind = b"b" if isinstance(message, bytes) else b"t"
        digest.update(kind + len(data).to_bytes(8, "big") + data)
        # Of four messages the second goes back in three frames and the last is not compressed.
        if tap is not None:
            tap.plain = received % 4 == 3
        await connection.send(thirds(message) if received % 4 == 1 else message)
        received += 1
    report(
        extensions=connection.response.headers.get("Sec-WebSocket-Extensions", ""),
        **(parameters(connection, tap.inner) if tap is not None else {}),
        received=received,
        decompressed=tap.decompressed if tap is not None else 0,
        compressed=tap.compressed if tap is not None else 0,
        code=connection.close_code,
        digest=digest.hexdigest(),
    )
