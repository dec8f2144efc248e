#!/usr/bin/env node
// ws_echo.mjs: a server over the package `ws`, as echo_server.rs describes it.

import { WebSocketServer, fail, print } from "./echo.mjs";

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: 0,
  perMessageDeflate: { threshold: 0 },
  handleProtocols: (offered) => offered.has("chat") && "chat",
});
server.on("listening", () => print({ port: server.address().port }));
server.on("error", fail);
server.on("connection", (socket, request) => {
  socket.on("error", () => socket.terminate());
  const { pathname, searchParams } = new URL(request.url, "ws://127.0.0.1");
  if (pathname === "/close") {
    socket.close(Number(searchParams.get("code")), searchParams.get("reason"));
  }
  socket.on("message", (data, binary) => socket.send(data, { binary }));
});
process.stdin.resume().on("end", () => process.exit(0));
