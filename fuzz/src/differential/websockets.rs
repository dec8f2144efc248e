//! The package `websockets` of Python, whose sans-IO layer a child runs: rules W01 to W13.

use std::{
    io::{Read, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
};

use sansock::{ProtocolError, Role};

use super::{
    Case, Difference, Engine, Log, Rule, Said, compare,
    frames::{Fault, Seen},
    inflate::Inflater,
};
use crate::{Frames, reference::TAIL};

/// Fuzzes the engine against `websockets`.
///
/// # Panics
///
/// On a finding, and if the child does not run.
pub fn run(data: &[u8]) {
    if let Some(case) = Case::new(data, true) {
        differ(&case);
    }
}

/// The rule that explains how the two differ, if they do.
pub(super) fn differ(case: &Case) -> Option<&'static str> {
    let mut peer = PEER
        .get_or_init(|| Mutex::new(Peer::start("src/differential/websockets.py")))
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    compare(case, &Engine::new(case), &peer.receive(case), RULES)
}

static PEER: OnceLock<Mutex<Peer>> = OnceLock::new();

/// What it does otherwise, each with the input that shows it.
pub(super) const RULES: &[Rule] = &[
    Rule {
        entry: "W01",
        explains: |it| it.is_later(),
        example: b"\x02\0\0\0\xA1\x85\0\0\0\0H",
    },
    Rule {
        entry: "W02",
        explains: |it| it.is_other_fault(),
        example: b"\x00\0\0\0\x88\0\x03\x03\xED\xFF",
    },
    Rule {
        entry: "W03",
        explains: |it| it.ours == Some(&Said::Fail(1002)) && it.frame.has(Fault::NotShortest),
        example: b"\x00\0\0\0\x81\x02\x05Hello",
    },
    Rule {
        entry: "W04",
        explains: |it| {
            matches!(it.ours, Some(Said::Close(_)))
                && it.theirs == Some(&Said::Fail(1002))
                && it.frame.inside
        },
        example: b"\x00\0\0\0\x01\0\x01a\x88\0\0",
    },
    Rule {
        entry: "W05",
        explains: |it| {
            it.theirs == Some(&Said::Fail(1009))
                && it.frame.is_control()
                && (it.frame.len > it.case.max_frame || it.frame.len > it.left())
        },
        // A Ping of two bytes inside a message that may have one byte more.
        example: b"\x00\x20\0\0\x01\0\x02ab\x89\0\x02cd",
    },
    Rule {
        entry: "W06",
        explains: |it| {
            it.ours == Some(&Said::Fail(1007))
                && it.theirs == Some(&Said::Fail(1002))
                && it.inflated().is_invalid
        },
        // A block of the reserved type.
        example: b"\x04\0\0\0\xC1\0\x01\x07",
    },
    Rule {
        entry: "W07",
        explains: |it| {
            it.error == Some(ProtocolError::InvalidDeflate)
                && matches!(it.theirs, Some(Said::Text(_) | Said::Binary(_)))
                && it.inflated().is_invalid
        },
        // The first half of "Hello".
        example: b"\x04\0\0\0\xC1\0\x04\xF2\x48\xCD\xC9",
    },
    Rule {
        entry: "W08",
        explains: |it| {
            let inflated = it.inflated();
            it.frame.compressed && inflated.inflater.has_last_block
        },
        // "Hello" in a last block, then once more as it is taken over.
        example: b"\x04\0\0\0\xC1\0\x08\xF3\x48\xCD\xC9\xC9\x07\0\0\xC1\0\x05\xF2\0\x11\0\0",
    },
    Rule {
        entry: "W09",
        explains: |it| {
            let (_, window_bits) = it.case.remote();
            it.theirs == Some(&Said::Fail(1002))
                && it.frame.compressed
                && it.inflated().inflater.farthest > 1 << window_bits
        },
        // Blocks that are stored, 640 bytes, then a match 600 bytes back where 512 are agreed on.
        example: b"\xC4\0\0\0\x42\x30\x0F\0\x0A\0\xF5\xFF0123456789\x80\0\x05\x02\xA6\x2B\0\0",
    },
    Rule {
        entry: "W10",
        explains: |it| {
            let is_theirs = |fault: &Fault| it.theirs == Some(&Said::Fail(fault.code()));
            it.ours.is_none() && !it.frame.headed && it.frame.faults.iter().any(is_theirs)
        },
        // Of a frame that is not masked, the first two bytes of four.
        example: b"\x02\0\0\0\x82\x7E",
    },
    Rule {
        entry: "W11",
        explains: |it| {
            it.theirs == Some(&Said::Fail(1009))
                && it.of_any_frame(|it| it.frame.compressed && it.frame.len > it.left())
        },
        // Five bytes, stored in eleven, where seven are allowed.
        example: b"\x04\x30\0\0\xC1\0\x0B\0\x05\0\xFA\xFFHello\0",
    },
    Rule {
        entry: "W12",
        explains: |it| {
            let is_long = |it: &Difference<'_>| {
                it.frame.compressed && it.inflated_frame() >= it.case.max_frame.min(it.left())
            };
            it.theirs == Some(&Said::Fail(1009)) && it.of_any_frame(is_long)
        },
        // A letter sixteen times where a frame may have fifteen bytes.
        example: b"\x04\x04\0\0\xC1\x61\x01a",
    },
    Rule {
        entry: "W13",
        explains: |it| {
            let is_cut = |it: &Difference<'_>| {
                let is_long = it.frame.compressed && it.frame.len >= 2044;
                is_long && it.frame.is_last() && it.inflated().is_invalid
            };
            it.theirs == Some(&Said::Fail(1009)) && it.of_any_frame(is_cut)
        },
        // The letter J 2,047 times in a block that goes on, in fixed codes of one byte each.
        example: b"\x04\0\0\0\xC1\x30\x20\xF2\xF2\xF2\xF2\xF2\xF2\xF2\xF2\xF2\xF2\xF2\xF2\xF2\xF2\xF2\xF2\
            \xF2\xF2\xF2\xF2\xF2\xF2\xF2\xF2\xF2\xF2\xF2\xF2\xF2\xF2\xF2\xF2",
    },
];

impl Case {
    /// Whether the sender gives up its window after each message, and how many bits that has.
    fn remote(&self) -> (bool, u8) {
        let params = self.deflate.unwrap_or_default();
        match self.role {
            Role::Server => (
                params.client_no_context_takeover,
                params.client_max_window_bits,
            ),
            Role::Client => (
                params.server_no_context_takeover,
                params.server_max_window_bits,
            ),
        }
    }
}

impl Difference<'_> {
    /// How much longer the message may become that is under way before the frame.
    fn left(&self) -> u64 {
        let before = if self.frame.inside_compressed {
            Inflated::new(self.case, self.frames, self.frame.start).len
        } else {
            self.frame.before
        };
        self.case.max_message.saturating_sub(before)
    }

    /// The compressed messages up to the frame, with it.
    fn inflated(&self) -> Inflated {
        Inflated::new(self.case, self.frames, self.frame.start + 1)
    }

    /// What the frame inflates to by itself.
    fn inflated_frame(&self) -> u64 {
        let before = if self.frame.opcode() == 0 {
            Inflated::new(self.case, self.frames, self.frame.start).len
        } else {
            0
        };
        self.inflated().len.saturating_sub(before)
    }
}

/// Compressed messages, read by a strict hand.
struct Inflated {
    /// Whether the last of them is no message, or none yet.
    is_invalid: bool,
    /// How long it became.
    len: u64,
    inflater: Inflater,
}

impl Inflated {
    /// Those of the frames that begin before a byte.
    fn new(case: &Case, frames: &[Seen], end: usize) -> Self {
        let (no_takeover, _) = case.remote();
        let mut inflated = Self {
            is_invalid: false,
            len: 0,
            inflater: Inflater::new(15, !no_takeover),
        };
        let frames = frames.iter().take_while(|frame| frame.start < end);
        let mut messages: Vec<(Vec<u8>, bool)> = Vec::new();
        for frame in frames.filter(|it| it.compressed) {
            match messages.last_mut() {
                Some((message, _)) if frame.opcode() == 0 => message.extend(&frame.payload),
                _ => messages.push((frame.payload.clone(), false)),
            }
            messages.last_mut().expect("one is there").1 = frame.is_last();
        }
        for (message, is_whole) in messages {
            // The tail may have more to say where what is before it does not end.
            let tail = if is_whole { &TAIL[..] } else { &[] };
            // What is said of messages before this one counts only while its window holds them.
            inflated.inflater.has_last_block &= !no_takeover;
            inflated.inflater.farthest = 0;
            inflated.len = inflated.inflater.made_of(&[&message[..], tail].concat()) as u64;
            inflated.is_invalid = inflated.inflater.message(&message).is_err();
        }
        inflated
    }
}

/// The child, and what it is asked by.
pub(super) struct Peer {
    _child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Peer {
    /// It ends when its input does, which is when this process does.
    pub(super) fn start(script: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
        let mut child = Command::new("python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let input = child.stdin.take().expect("piped");
        let output = child.stdout.take().expect("piped");
        Self {
            _child: child,
            input,
            output,
        }
    }

    fn receive(&mut self, case: &Case) -> Log {
        let mut question = Vec::new();
        let (no_takeover, window) = case.remote();
        question.extend([
            u8::from(case.role == Role::Client),
            u8::from(case.deflate.is_some()),
            u8::from(no_takeover),
            window,
        ]);
        for limit in [case.max_message, case.max_frame] {
            question.extend(u32::try_from(limit).expect("small").to_be_bytes());
        }
        for piece in case.cuts.clone().pieces(&case.wire) {
            question.extend(u16::try_from(piece.len()).expect("small").to_be_bytes());
            question.extend(piece);
        }
        Self::read(&self.ask(&question), case.role)
    }

    /// The answer to a question.
    pub(super) fn ask(&mut self, question: &[u8]) -> Vec<u8> {
        let len = u32::try_from(question.len()).expect("small");
        let question = [&len.to_be_bytes()[..], question].concat();
        self.input.write_all(&question).expect("the child reads");
        let mut len = [0; 4];
        self.output.read_exact(&mut len).expect("the child answers");
        let mut answer = vec![0; u32::from_be_bytes(len) as usize];
        self.output.read_exact(&mut answer).expect("all of it");
        answer
    }

    fn read(answer: &[u8], role: Role) -> Log {
        let mut log = Log::default();
        let mut frames = Frames::new(role);
        let mut rest = answer;
        while let Some((&[kind, a, b, c, d], after)) = rest.split_first_chunk() {
            let (bytes, after) = after.split_at(u32::from_be_bytes([a, b, c, d]) as usize);
            rest = after;
            let data = bytes.to_vec();
            log.said.push(match (kind, bytes) {
                (b't', _) => Said::Text(data),
                (b'b', _) => Said::Binary(data),
                (b'i', _) => Said::Ping(data),
                (b'o', _) => Said::Pong(data),
                (b'c', [high, low, reason @ ..]) => {
                    Said::Close(Some((u16::from_be_bytes([*high, *low]), reason.to_vec())))
                }
                (b'c', _) => Said::Close(None),
                (b'f', [high, low]) => Said::Fail(u16::from_be_bytes([*high, *low])),
                (b'w', bytes) => {
                    frames.take(bytes);
                    continue;
                }
                _ => panic!("{kind} is no kind of answer"),
            });
        }
        log.read(&frames);
        log
    }
}
