//! What is measured: operations, each with its cases.

use crate::{Peer, Role, Work, deflate::Messages, socket::Wire, touch};

/// Something that every peer is asked to do.
pub struct Operation {
    /// What to type to run this one only.
    pub name: &'static str,
    /// The heading in the table.
    pub title: &'static str,
    /// What is timed, in a sentence or two.
    pub about: &'static str,
    /// The cases, made anew on each call.
    pub cases: fn() -> Vec<Case>,
}

/// One column of an operation's table.
pub struct Case {
    /// The column's heading.
    pub name: String,
    /// How many operations make one round.
    pub times: u64,
    /// The checksum that each operation must give; without one, it is how many bytes were written,
    /// which stands in the table.
    pub checksum: Option<u64>,
    input: Input,
    start: fn(&Peer, &Input) -> Option<Work>,
}

/// What a case gives to each peer: what is sent, and what comes.
struct Input {
    role: Role,
    payload: &'static [u8],
    wire: Wire,
    messages: Option<Messages>,
}

impl Case {
    /// Sets `peer` up for this case; `None` if it cannot do it.
    #[must_use]
    pub fn start(&self, peer: &Peer) -> Option<Work> {
        (self.start)(peer, &self.input)
    }

    /// How many of `most` rounds it takes: fewer where one is long.
    #[must_use]
    pub fn rounds(&self, most: usize) -> usize {
        if self.input.messages.is_some() {
            (most / 16) | 1
        } else {
            most
        }
    }
}

impl Input {
    /// A payload to send as a client or server, or to work on alone.
    fn payload(role: Role, payload: Vec<u8>) -> Self {
        Self {
            role,
            payload: payload.leak(),
            wire: Wire::silent(),
            messages: None,
        }
    }

    /// What comes to a server.
    fn wire(wire: Wire) -> Self {
        Self {
            role: Role::Server,
            payload: &[],
            wire,
            messages: None,
        }
    }

    /// What a server sends.
    fn messages(messages: Messages) -> Self {
        Self {
            role: Role::Server,
            payload: &[],
            wire: Wire::silent(),
            messages: Some(messages),
        }
    }
}

/// Everything that is measured, in the order of the table.
pub const OPERATIONS: [Operation; 7] = [
    Operation {
        name: "decode",
        title: "Decode masked client frames, as a server",
        about: "ns per message: bytes in memory to a payload in the hands of the program, unmasked, \
            text validated.",
        cases: decode,
    },
    Operation {
        name: "encode",
        title: "Encode binary messages",
        about: "ns per message: 16 messages queued, then taken. Peers without a queue hand each \
            message to the stream at once, most of them without a copy: marked ᵇ (borrowed).",
        cases: encode,
    },
    Operation {
        name: "mask",
        title: "Mask in place",
        about: "ns per call of the function that the peer exports.",
        cases: mask,
    },
    Operation {
        name: "utf8",
        title: "Validate UTF-8",
        about: "ns per call. sansock and tungstenite call std; fastwebsockets, tokio-websockets, sockudo-ws and wtx \
            call simdutf8.",
        cases: utf8,
    },
    Operation {
        name: "compress",
        title: "Compress JSON messages, as a server",
        about: "ns per text message, 16 of them queued, then taken; behind it bytes per message on \
            the wire. permessage-deflate with windows of 32 KiB, with context takeover or without, \
            everybody at its default level. Each message is another: orders on a market.",
        cases: compress,
    },
    Operation {
        name: "inflate",
        title: "Inflate JSON messages, as a server",
        about: "ns per text message: masked client frames in memory to inflated, validated text. \
            Everybody gets the same frames, of zlib-rs at level 6.",
        cases: inflate,
    },
    Operation {
        name: "handshake",
        title: "Server handshake",
        about: "ns from a browser's request in memory to the response and a connection: parse, \
            checks, SHA-1, base64, response.",
        cases: handshake,
    },
];

/// A browser's request, of common length.
pub const REQUEST: &[u8] = b"GET /chat?room=1 HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Upgrade: websocket\r\n\
    Origin: https://example.com\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-US,en;q=0.9\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// How many messages are queued before they are taken.
pub const BATCH: u64 = 16;

fn decode() -> Vec<Case> {
    let binary = [32, 256, 16 << 10, 1 << 20].map(|len| (0x2, "", bytes(len)));
    let texts = [256, 16 << 10]
        .into_iter()
        .flat_map(|len| [(0x1, " ASCII", ascii(len)), (0x1, " text", text(len))]);
    let case = |(opcode, kind, payload): (u8, &str, Vec<u8>)| {
        let frame = frame(opcode, &payload);
        let (wire, times) = Wire::repeating(&frame, (4 * frame.len()).max(1 << 20));
        Case {
            name: size(payload.len()) + kind,
            times,
            checksum: Some(touch(&payload)),
            input: Input::wire(wire),
            start: |peer, input| Some(peer.decode?(input.wire.clone())),
        }
    };
    binary.into_iter().chain(texts).map(case).collect()
}

fn encode() -> Vec<Case> {
    let mut cases = Vec::new();
    for role in [Role::Server, Role::Client] {
        for len in [32, 256, 16 << 10] {
            cases.push(Case {
                name: format!("{} {}", role.name(), size(len)),
                times: rounded(len),
                checksum: Some((role.header_len(len) + len) as u64),
                input: Input::payload(role, bytes(len)),
                start: |peer, input| Some(peer.encode?(input.role, input.payload)),
            });
        }
    }
    cases
}

fn compress() -> Vec<Case> {
    deflated(|name, messages| Case {
        name,
        times: messages.count(),
        checksum: None,
        input: Input::messages(messages),
        start: |peer, input| peer.compress?(input.messages?),
    })
}

fn inflate() -> Vec<Case> {
    deflated(|name, messages| Case {
        name,
        times: messages.count(),
        // All begin and end alike, and are equally long.
        checksum: Some(touch(messages.all[0].as_bytes())),
        input: Input {
            wire: messages.wire(),
            ..Input::messages(messages)
        },
        start: |peer, input| peer.inflate?(input.wire.clone(), input.messages?.takeover),
    })
}

fn deflated(case: fn(String, Messages) -> Case) -> Vec<Case> {
    let sizes = [1 << 10, 16 << 10];
    sizes
        .into_iter()
        .flat_map(|len| [(len, "takeover", true), (len, "no takeover", false)])
        .map(|(len, name, takeover)| {
            let name = format!("{} {name}", size(len));
            case(name, Messages::new(len, takeover))
        })
        .collect()
}

fn mask() -> Vec<Case> {
    let case = |len| Case {
        name: size(len),
        times: rounded(len),
        checksum: Some(len as u64),
        input: Input::payload(Role::Client, bytes(len)),
        start: |peer, input| Some(peer.mask?(input.payload)),
    };
    [16, 125, 1 << 10, 16 << 10, 1 << 20].map(case).into()
}

fn utf8() -> Vec<Case> {
    let case = |(kind, text): (&str, Vec<u8>)| Case {
        name: format!("{} {kind}", size(text.len())),
        times: rounded(text.len()),
        checksum: Some(text.len() as u64),
        input: Input::payload(Role::Server, text),
        start: |peer, input| Some(peer.utf8?(input.payload)),
    };
    [16, 125, 1 << 10, 16 << 10]
        .into_iter()
        .flat_map(|len| [("ASCII", ascii(len)), ("text", text(len))])
        .map(case)
        .collect()
}

fn handshake() -> Vec<Case> {
    vec![Case {
        name: format!("{} request", size(REQUEST.len())),
        times: 256,
        checksum: Some(1),
        input: Input::wire(Wire::each(REQUEST)),
        start: |peer, input| Some(peer.handshake?(input.wire.clone())),
    }]
}

/// As many operations on `len` bytes as make a round long enough to time; whole batches.
fn rounded(len: usize) -> u64 {
    let times = (1 << 20) / len.max(128) as u64;
    times.next_multiple_of(BATCH)
}

/// A frame of a client, final and masked; `opcode` brings its reserved bits along.
#[must_use]
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        len @ ..126 => frame.push(0x80 | len as u8),
        len @ ..65_536 => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend(KEY);
    frame.extend(
        payload
            .iter()
            .zip(KEY.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    frame
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 % 251) as u8).collect()
}

fn ascii(len: usize) -> Vec<u8> {
    b"The quick brown fox jumps over the lazy dog. "
        .iter()
        .copied()
        .cycle()
        .take(len)
        .collect()
}

/// Mostly two and three bytes a character, with words of ASCII between.
fn text(len: usize) -> Vec<u8> {
    let words = "Привет, мир! Ελληνικά καὶ 日本語のテキスト and ASCII — naïve café 🎉 "
        .chars()
        .cycle();
    let mut text = String::new();
    for character in words {
        if text.len() + character.len_utf8() > len {
            break;
        }
        text.push(character);
    }
    text.extend(std::iter::repeat_n('.', len - text.len()));
    text.into_bytes()
}

fn size(bytes: usize) -> String {
    match bytes {
        len if len >= 1 << 20 && len % (1 << 20) == 0 => format!("{} MiB", len >> 20),
        len if len >= 1 << 10 && len % (1 << 10) == 0 => format!("{} KiB", len >> 10),
        len => format!("{len} B"),
    }
}
