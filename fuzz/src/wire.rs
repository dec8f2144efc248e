//! Frames read by a second hand (RFC 6455 §5.2).

use sansock::Role;

/// A frame that the crate wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// FIN, RSV1 and opcode.
    pub first: u8,
    /// Unmasked.
    pub payload: Vec<u8>,
}

/// Reads what a `role` wrote, in any pieces; anything against the rules is a finding.
#[derive(Clone, Debug)]
pub struct Frames {
    role: Role,
    unread: Vec<u8>,
    /// How much of `unread` is application data that was counted already.
    counted: usize,
    in_message: bool,
    closed: bool,
    /// Whether messages may be compressed.
    pub compressed: bool,
    /// Bytes of application data so far.
    pub data: usize,
    /// The frames that are whole.
    pub frames: Vec<Frame>,
}

impl Frames {
    /// A reader of a `role` that has written nothing.
    #[must_use]
    pub const fn new(role: Role) -> Self {
        Self {
            role,
            unread: Vec::new(),
            counted: 0,
            in_message: false,
            closed: false,
            compressed: false,
            data: 0,
            frames: Vec::new(),
        }
    }

    /// Whether a Close was written.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether all that was written so far is whole frames.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.unread.is_empty()
    }

    /// Takes more of what was written.
    ///
    /// # Panics
    ///
    /// If it is no prefix of valid frames.
    pub fn take(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        while !self.unread.is_empty() {
            // "unless it already received a Close frame": a Pong may follow ours (§5.5.2).
            let pong = self.unread[0] == 0x8A;
            assert!(!self.closed || pong, "not a Pong after the Close");
            let Some((header_len, payload_len, key)) = self.header() else {
                return;
            };
            let first = self.unread[0];
            let is_data = first & 0x08 == 0;
            let have = (self.unread.len() - header_len).min(payload_len);
            if is_data {
                self.data += have - self.counted;
                self.counted = have;
            }
            if have < payload_len {
                return;
            }
            self.counted = 0;
            let end = header_len + payload_len;
            let mut payload = self.unread[header_len..end].to_vec();
            self.unread.drain(..end);
            if let Some([a, b, c, d]) = key {
                // In words of 16 bytes: a loop over bytes is slow where every branch is counted.
                let key = u128::from_le_bytes([a, b, c, d].repeat(4).try_into().expect("16"));
                for word in payload.chunks_mut(16) {
                    let mut whole = [0; 16];
                    whole[..word.len()].copy_from_slice(word);
                    let plain = (u128::from_le_bytes(whole) ^ key).to_le_bytes();
                    word.copy_from_slice(&plain[..word.len()]);
                }
            }
            if is_data {
                self.in_message = first & 0x80 == 0;
            }
            self.closed |= first == 0x88;
            self.frames.push(Frame { first, payload });
        }
    }

    /// The lengths of the next header and its payload, and the key.
    fn header(&self) -> Option<(usize, usize, Option<[u8; 4]>)> {
        let bytes = &self.unread;
        let first = bytes[0];
        let begins = matches!(first & 0x0F, 1 | 2);
        let allowed = if self.compressed && begins { 0x40 } else { 0 };
        assert_eq!(first & 0x70 & !allowed, 0, "reserved bits");
        match first & 0x0F {
            0 => assert!(self.in_message, "a continuation of nothing"),
            1 | 2 => assert!(!self.in_message, "a message inside another"),
            8..=10 => assert_eq!(first & 0x80, 0x80, "a fragmented control frame"),
            opcode => panic!("reserved opcode {opcode}"),
        }
        let second = *bytes.get(1)?;
        let masked = second & 0x80 != 0;
        assert_eq!(masked, self.role == Role::Client, "masking");
        let (len_end, len) = match second & 0x7F {
            126 => {
                let len = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
                assert!(len >= 126, "a length that is not the shortest");
                (4, u64::from(len))
            }
            127 => {
                let len = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
                assert!(len >= 1 << 16, "a length that is not the shortest");
                (10, len)
            }
            len => (2, u64::from(len)),
        };
        assert!(first & 0x08 == 0 || len <= 125, "a long control frame");
        let len = usize::try_from(len).expect("we sent no such payload");
        if masked {
            let key = bytes.get(len_end..len_end + 4)?.try_into().ok()?;
            Some((len_end + 4, len, Some(key)))
        } else {
            Some((len_end, len, None))
        }
    }
}

/// The key of every frame that is masked here.
pub(crate) const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// Appends a frame of a peer that begins with the byte `first`, masked if there is a key; its length
/// in the shortest form, in 16 bits or in 64 as `form` is 0, 1 or more, or what it needs.
pub(crate) fn write_frame(
    wire: &mut Vec<u8>,
    first: u8,
    payload: &[u8],
    key: Option<[u8; 4]>,
    form: u8,
) {
    wire.push(first);
    let masked = if key.is_some() { 0x80 } else { 0 };
    match (payload.len(), form) {
        (len @ ..126, 0) => wire.push(masked | len as u8),
        (len @ ..65_536, 0 | 1) => {
            wire.push(masked | 126);
            wire.extend((len as u16).to_be_bytes());
        }
        (len, _) => {
            wire.push(masked | 127);
            wire.extend((len as u64).to_be_bytes());
        }
    }
    match key {
        Some(key) => {
            wire.extend(key);
            let key = key.iter().cycle();
            wire.extend(payload.iter().zip(key).map(|(byte, key)| byte ^ key));
        }
        None => wire.extend(payload),
    }
}
