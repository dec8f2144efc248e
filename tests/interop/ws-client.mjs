#!/usr/bin/env node
// ws-client.mjs DEFLATE URL: prints the URL, echoes to the server there, prints its report.

import { WebSocket, echo, fail, perMessageDeflate, print } from "./echo.mjs";

print({ connects: process.argv[3] });
const socket = new WebSocket(process.argv[3], {
  perMessageDeflate: perMessageDeflate(process.argv[2]),
});
let extensions = "";
socket.on("upgrade", (response) => {
  extensions = response.headers["sec-websocket-extensions"] ?? "";
});
socket.on("error", fail);
// Messages may come in the same read as the answer, so before any later turn of the loop.
socket.on("open", () => echo(socket, extensions));
