#!/usr/bin/env python3
"""websockets_echo.py: a server over the package `websockets`, as echo_server.rs describes it."""

import asyncio
import sys
import urllib.parse

from echo import LIMIT, report
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


async def handle(connection):
    url = urllib.parse.urlsplit(connection.request.path)
    if url.path == "/close":
        query = urllib.parse.parse_qs(url.query)
        await connection.close(int(query["code"][0]), query.get("reason", [""])[0])
        return
    try:
        async for message in connection:
            await connection.send(message)
    except ConnectionClosed:
        pass  # A code that is not 1000 or 1001.


def select(connection, offered):
    return "chat" if "chat" in offered else None


async def main():
    how = {"select_subprotocol": select, "max_size": None}
    async with asyncio.timeout(LIMIT), serve(handle, "127.0.0.1", 0, **how) as server:
        report(port=server.sockets[0].getsockname()[1])
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
