// What ws-server.mjs and ws-client.mjs share: an echo over the package `ws`, and its report.

import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { fail, print } from "./output.mjs";

export { fail, print };

const installed = new URL("../../target/interop/node/", import.meta.url);
export const { WebSocket, WebSocketServer } = createRequire(installed)("ws");

/** The second argument: settings of permessage-deflate in the words of `ws`, or `false`. */
export function perMessageDeflate(json) {
  const settings = JSON.parse(json);
  return settings && { threshold: 0, ...settings };
}

/**
 * Sends back all that comes, and prints one line of JSON about it once the connection is over;
 * `extensions` is what the server answered.
 */
export function echo(socket, extensions) {
  const digest = createHash("sha1");
  const deflate = socket._extensions["permessage-deflate"];
  const report = {
    extensions,
    server_no_context_takeover: Boolean(deflate?.params.server_no_context_takeover),
    client_no_context_takeover: Boolean(deflate?.params.client_no_context_takeover),
    server_max_window_bits: deflate?.params.server_max_window_bits ?? 15,
    client_max_window_bits: deflate?.params.client_max_window_bits ?? 15,
    received: 0,
    decompressed: 0,
    compressed: 0,
  };
  if (deflate) {
    count(deflate, "compress", () => (report.compressed += 1));
    count(deflate, "decompress", () => (report.decompressed += 1));
  }
  socket.on("message", (data, isBinary) => {
    const head = Buffer.alloc(9);
    head.write(isBinary ? "b" : "t");
    head.writeBigUInt64BE(BigInt(data.length), 1);
    digest.update(head).update(data);
    reply(socket, data, isBinary, report.received);
    report.received += 1;
  });
  socket.on("close", (code) => {
    print({ ...report, code, digest: digest.digest("hex") });
    process.exit(0);
  });
  socket.on("error", fail);
}

/** Of four messages the second goes back in three frames and the last is not compressed. */
function reply(socket, data, binary, n) {
  if (n % 4 !== 1) {
    socket.send(data, { binary, compress: n % 4 !== 3 });
    return;
  }
  const third = Math.floor(data.length / 3);
  socket.send(data.subarray(0, third), { binary, fin: false });
  socket.send(data.subarray(third, 2 * third), { binary, fin: false });
  socket.send(data.subarray(2 * third), { binary, fin: true });
}

/** Has `called` called with each last frame of a message that `ws` compresses or decompresses. */
function count(deflate, method, called) {
  const original = deflate[method];
  deflate[method] = function (data, fin, callback) {
    if (fin) called();
    return original.call(this, data, fin, callback);
  };
}
