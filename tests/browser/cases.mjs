// What a client with the WHATWG interface must see of our server: for a page in a browser, and for
// node. Each case takes `connect`, which opens a WebSocket to a path, and throws what is wrong.

/** The cases of `WebSocket`, by name. */
export const cases = {
  async "texts come back"({ connect }) {
    const socket = await connect("/echo?texts");
    for (const text of ["Hello", "", "Grüße, 你好, 🦀", "\u0000\uFFFF", "x".repeat(65_536)]) {
      socket.send(text);
      same(await message(socket), text);
    }
    await end(socket);
  },

  async "binaries come back"({ connect }) {
    const socket = await connect("/echo?binaries");
    for (const length of [0, 1, 125, 126, 65_535, 65_536]) {
      const bytes = noise(length);
      socket.send(bytes);
      sameBytes(await message(socket), bytes);
      socket.send(bytes.buffer);
      sameBytes(await message(socket), bytes);
    }
    socket.send(noise(1000).subarray(10, 20));
    same((await message(socket)).byteLength, 10);
    socket.binaryType = "blob";
    socket.send(new Blob(["in ", "pieces"]));
    same(await (await message(socket)).text(), "in pieces");
    await end(socket);
  },

  async "a mebibyte comes back"({ connect }) {
    const socket = await connect("/echo?mebibyte");
    const bytes = noise(1 << 20);
    socket.send(bytes);
    sameBytes(await message(socket), bytes);
    const text = "Grüße, 你好, 🦀; ".repeat(40_000);
    socket.send(text);
    same(await message(socket), text);
    await end(socket);
  },

  async "many messages keep their order"({ connect }) {
    const socket = await connect("/echo?order");
    const count = 2_000;
    const all = new Promise((resolve) => {
      const came = [];
      socket.onmessage = ({ data }) => came.push(data) === count && resolve(came);
    });
    for (let n = 0; n < count; n += 1) socket.send(`${n}`);
    (await all).forEach((text, n) => same(text, `${n}`));
    await end(socket);
  },

  async "compression is agreed on and used"({ connect, tap }) {
    const socket = await connect("/echo?compressed", [], tap);
    same(socket.extensions.split(";")[0], "permessage-deflate");
    const text = "the same again and again; ".repeat(10_000);
    for (let n = 0; n < 3; n += 1) {
      socket.send(text);
      same(await message(socket), text);
    }
    await end(socket);
  },

  async "the client closes"({ connect }) {
    for (const [code, reason] of [[1000, "bye"], [3000, ""], [4999, "Grüße"]]) {
      const socket = await connect(`/echo?close=${code}`);
      const closed = close(socket);
      socket.close(code, reason);
      same(socket.readyState, 2);
      same(await closed, { code, reason: "", wasClean: true, errors: 0 });
      same(socket.readyState, 3);
    }
  },

  async "the client closes without a code"({ connect }) {
    const socket = await connect("/echo?close=none");
    const closed = close(socket);
    socket.close();
    same(await closed, { code: 1005, reason: "", wasClean: true, errors: 0 });
  },

  async "the server closes first"({ connect }) {
    for (const [code, reason] of [[1000, "done"], [1001, ""], [3000, ""], [4999, "done"]]) {
      const socket = await connect(`/close?code=${code}&reason=${reason}`);
      same(await close(socket), { code, reason, wasClean: true, errors: 0 });
    }
    const socket = await connect("/close");
    same(await close(socket), { code: 1005, reason: "", wasClean: true, errors: 0 });
  },

  async "a subprotocol is selected"({ connect }) {
    const socket = await connect("/echo?subprotocol", ["other", "chat"]);
    same(socket.protocol, "chat");
    await end(socket);
  },

  async "no subprotocol where one was asked for is a failure"({ connect }) {
    const socket = connect.begin("/echo?none", ["other"]);
    same(await close(socket), { code: 1006, reason: "", wasClean: false, errors: 1 });
  },

  async "a refusal is a failure"({ connect }) {
    const socket = connect.begin("/refuse");
    same(await close(socket), { code: 1006, reason: "", wasClean: false, errors: 1 });
  },

  async "sixty connections at once"({ connect }) {
    const sockets = await Promise.all(
      Array.from({ length: 60 }, (_, n) => connect(`/echo?many=${n}`)),
    );
    for (const [n, socket] of sockets.entries()) socket.send(`this is ${n}`);
    const echoes = await Promise.all(sockets.map(message));
    echoes.forEach((text, n) => same(text, `this is ${n}`));
    await Promise.all(sockets.map(end));
  },
};

/** Those of `WebSocketStream`. */
export const streamCases = {
  async "a stream's messages come back"({ stream }) {
    const { readable, writable, extensions, protocol } = await stream("/echo?stream", {
      protocols: ["other", "chat"],
    }).opened;
    same(extensions.split(";")[0], "permessage-deflate");
    same(protocol, "chat");
    const [reader, writer] = [readable.getReader(), writable.getWriter()];
    for (const text of ["Hello", "", "🦀".repeat(50_000)]) {
      await writer.write(text);
      same((await reader.read()).value, text);
    }
    const bytes = noise(1 << 20);
    const written = writer.write(bytes);
    sameBytes((await reader.read()).value, bytes);
    await written;
    await writer.close();
    same((await reader.read()).done, true);
  },

  async "a stream is closed by the client"({ stream }) {
    const socket = stream("/echo?close=4001");
    await socket.opened;
    socket.close({ closeCode: 4001, reason: "bye" });
    const { closeCode, reason } = await socket.closed;
    same({ closeCode, reason }, { closeCode: 4001, reason: "" });
  },

  async "a stream is closed by the server"({ stream }) {
    const socket = stream("/close?code=4002&reason=done");
    const { readable } = await socket.opened;
    const { closeCode, reason } = await socket.closed;
    same({ closeCode, reason }, { closeCode: 4002, reason: "done" });
    same((await readable.getReader().read()).done, true);
  },

  // The server sends 32 MiB: more than all buffers on the way can hold.
  async "a stream that is not read stops the server"({ connect, stream }) {
    const control = await connect("/control?burst");
    const socket = stream("/burst");
    const { readable } = await socket.opened;
    await time(500);
    control.send("is it sent?");
    same(await message(control), "no");
    let length = 0;
    for await (const chunk of readable) length += chunk.byteLength;
    same(length, 32 << 20);
    control.send("is it sent?");
    same(await message(control), "yes");
    await end(control);
  },

  // The server reads only when it is told to.
  async "a server that does not read stops a stream"({ connect, stream }) {
    const control = await connect("/control?slow");
    const socket = stream("/slow");
    const { readable, writable } = await socket.opened;
    const writer = writable.getWriter();
    let isWritten = false;
    const writes = (async () => {
      for (let n = 0; n < 32; n += 1) await writer.write(new Uint8Array(1 << 20));
      isWritten = true;
    })();
    await time(500);
    same(isWritten, false);
    control.send("read");
    await writes;
    same((await readable.getReader().read()).value, `${32 << 20}`);
    await writer.close();
    await end(control);
  },
};

/** Runs cases one after the other: a line for each, its name and `ok` or what was wrong. */
export async function run(chosen, tools) {
  const lines = [];
  for (const [name, test] of Object.entries(chosen)) {
    const late = time(30_000).then(() => Promise.reject(new Error("it takes too long")));
    late.catch(() => {});
    const result = await Promise.race([test(tools), late]).then(
      () => "ok",
      (error) => `${error?.stack ?? error}`.replaceAll("\n", " "),
    );
    lines.push(`${name}: ${result}`);
  }
  return lines.join("\n");
}

/** What the cases connect by: `WebSocket`s to that server, or to another origin if it is named. */
export function tools(WebSocket, WebSocketStream, server, tap) {
  const begin = (path, protocols = [], origin = server) => {
    const socket = new WebSocket(origin + path, protocols);
    socket.binaryType = "arraybuffer";
    return socket;
  };
  const connect = (...path) =>
    new Promise((resolve, reject) => {
      const socket = begin(...path);
      socket.onopen = () => resolve(socket);
      socket.onerror = () => reject(new Error(`no connection to ${path}`));
    });
  connect.begin = begin;
  const stream = (path, options) => new WebSocketStream(server + path, options);
  return { connect, stream, tap };
}

/** The data of the next message. */
function message(socket) {
  return new Promise((resolve, reject) => {
    socket.addEventListener("message", ({ data }) => resolve(data), { once: true });
    socket.addEventListener("close", () => reject(new Error("closed")), { once: true });
  });
}

/** What the close event says, and how many error events came before it. */
function close(socket) {
  let errors = 0;
  socket.addEventListener("error", () => (errors += 1));
  return new Promise((resolve) => {
    socket.addEventListener("close", ({ code, reason, wasClean }) =>
      resolve({ code, reason, wasClean, errors }),
    );
  });
}

async function end(socket) {
  const closed = close(socket);
  socket.close(1000);
  same(await closed, { code: 1000, reason: "", wasClean: true, errors: 0 });
}

function time(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function noise(length) {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  return bytes;
}

function same(actual, expected) {
  const [a, e] = [actual, expected].map((value) => JSON.stringify(value));
  if (a !== e) throw new Error(`${cut(a)} is not ${cut(e)}`);
}

function cut(text) {
  return `${text}`.slice(0, 200);
}

function sameBytes(actual, expected) {
  const bytes = new Uint8Array(actual);
  same(bytes.length, expected.length);
  const at = bytes.findIndex((byte, n) => byte !== expected[n]);
  if (at >= 0) throw new Error(`byte ${at} differs`);
}
