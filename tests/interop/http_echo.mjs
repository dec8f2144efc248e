#!/usr/bin/env node
// http_echo.mjs: a server of `node:http` that upgrades by hand, as echo_server.rs describes it, but
// without deflate: nothing of a package for WebSockets, and frames as its own lines make them.

import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { fail, print } from "./output.mjs";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;

/** A frame that is not masked; `first` is its first byte. */
function frame(first, payload) {
  let length;
  if (payload.length < 126) {
    length = Buffer.from([payload.length]);
  } else if (payload.length < 0x10000) {
    length = Buffer.from([126, 0, 0]);
    length.writeUInt16BE(payload.length, 1);
  } else {
    length = Buffer.alloc(9, 127);
    length.writeBigUInt64BE(BigInt(payload.length), 1);
  }
  return Buffer.concat([Buffer.from([first]), length, payload]);
}

/** The next frame, unmasked, and what follows it; nothing while it is not whole. */
function parse(input) {
  if (input.length < 2) return undefined;
  if (!(input[1] & 0x80)) throw new Error("a frame is not masked");
  const wide = { 126: 2, 127: 8 }[input[1] & 0x7f] ?? 0;
  const start = 2 + wide + 4;
  if (input.length < start) return undefined;
  const length = wide ? Number(`0x${input.toString("hex", 2, 2 + wide)}`) : input[1] & 0x7f;
  if (input.length < start + length) return undefined;
  const key = input.subarray(start - 4, start);
  const payload = Buffer.from(input.subarray(start, start + length));
  for (let n = 0; n < length; n += 1) payload[n] ^= key[n & 3];
  return { first: input[0], payload, rest: input.subarray(start + length) };
}

/** Sends each frame of data back as it is, fragments as fragments, and answers the others. */
function echo(stream, head, closing) {
  let chunks = [head];
  const receive = () => {
    let input = Buffer.concat(chunks);
    for (let next; (next = parse(input)); input = next.rest) {
      const { first, payload } = next;
      const opcode = first & 0xf;
      if (opcode === CLOSE) {
        // Who closed first has its answer; the server is who ends TCP (RFC 6455 section 7.1.1).
        stream.end(closing ? undefined : frame(first, payload));
        return;
      }
      if (opcode === PING) stream.write(frame(0x80 | PONG, payload));
      else if (opcode !== PONG && !closing) stream.write(frame(first, payload));
    }
    chunks = [input];
  };
  stream.on("data", (chunk) => {
    chunks.push(chunk);
    receive();
  });
  receive();
}

const server = createServer((_, response) => response.writeHead(426).end());
server.on("upgrade", ({ url, headers }, stream, head) => {
  stream.on("error", () => stream.destroy());
  const accept = createHash("sha1").update(headers["sec-websocket-key"] + GUID).digest("base64");
  const offered = (headers["sec-websocket-protocol"] ?? "").split(/\s*,\s*/);
  stream.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\n` +
      (offered.includes("chat") ? "Sec-WebSocket-Protocol: chat\r\n" : "") +
      "\r\n",
  );
  const { pathname, searchParams } = new URL(url, "ws://127.0.0.1");
  const closing = pathname === "/close";
  if (closing) {
    const payload = Buffer.from(`..${searchParams.get("reason")}`);
    payload.writeUInt16BE(Number(searchParams.get("code")));
    stream.write(frame(0x80 | CLOSE, payload));
  }
  echo(stream, head, closing);
});
server.on("error", fail);
server.listen(0, "127.0.0.1", () => print({ port: server.address().port }));
process.stdin.resume().on("end", () => process.exit(0));
