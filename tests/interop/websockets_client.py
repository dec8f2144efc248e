#!/usr/bin/env python3
"""websockets_client.py DEFLATE URL: prints the URL, echoes to the server there, prints its report."""

import asyncio
import sys

from echo import LIMIT, deflate, echo, report
from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory


async def main():
    extensions = deflate(ClientPerMessageDeflateFactory, sys.argv[1])
    how = {"compression": None, "extensions": extensions, "max_size": None, "proxy": None}
    report(connects=sys.argv[2])
    async with asyncio.timeout(LIMIT), connect(sys.argv[2], **how) as connection:
        await echo(connection)


asyncio.run(main())
