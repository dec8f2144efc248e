#!/usr/bin/env python3
"""websockets_server.py DEFLATE: prints the port, echoes to one client, prints its report."""

import asyncio
import sys

from echo import LIMIT, deflate, echo, report
from websockets.asyncio.server import serve
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory


async def main():
    over = asyncio.get_running_loop().create_future()

    async def handle(connection):
        try:
            await echo(connection)
            over.set_result(None)
        except BaseException as error:
            over.set_exception(error)

    extensions = deflate(ServerPerMessageDeflateFactory, sys.argv[1])
    how = {"compression": None, "extensions": extensions, "max_size": None}
    async with asyncio.timeout(LIMIT), serve(handle, "127.0.0.1", 0, **how) as server:
        report(port=server.sockets[0].getsockname()[1])
        await over


asyncio.run(main())
