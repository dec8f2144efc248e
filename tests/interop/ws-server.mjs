#!/usr/bin/env node
// ws-server.mjs DEFLATE: prints the port, echoes to one client, prints its report.

import { WebSocketServer, echo, fail, perMessageDeflate, print } from "./echo.mjs";

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: 0,
  perMessageDeflate: perMessageDeflate(process.argv[2]),
});
server.on("listening", () => print({ port: server.address().port }));
let extensions = "";
server.on("headers", (lines) => {
  const line = lines.find((line) => line.startsWith("Sec-WebSocket-Extensions: "));
  extensions = line?.slice(line.indexOf(" ") + 1) ?? "";
});
server.on("connection", (socket) => echo(socket, extensions));
server.on("wsClientError", fail);
server.on("error", fail);
