//! What a server says to a client that is no endpoint.

/// The status and the code of the Close in what came so far; all else is dropped as it comes.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pending: Vec<u8>,
    pub(crate) status: Option<u16>,
    pub(crate) close: Option<u16>,
}

impl Heard {
    pub(crate) fn is_open(&self) -> bool {
        self.status == Some(101)
    }

    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        if self.status.is_none() {
            let head = self.pending.windows(4).position(|end| end == b"\r\n\r\n");
            let Some(end) = head else { return };
            let status = self.pending.get(9..12).map(String::from_utf8_lossy);
            self.status = status.and_then(|status| status.parse().ok());
            self.pending.drain(..end + 4);
        }
        if self.is_open() {
            while let Some(len) = self.frame() {
                self.pending.drain(..len);
            }
        }
    }

    /// The length of the whole frame that comes next, of which the code is noted.
    fn frame(&mut self) -> Option<usize> {
        let (header, len) = match *self.pending.as_slice() {
            [_, 126, a, b, ..] => (4, usize::from(u16::from_be_bytes([a, b]))),
            [_, 127, _, _, _, _, a, b, c, d, ..] => (
                10,
                usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap(),
            ),
            [_, 126 | 127, ..] => return None,
            [_, len, ..] => (2, usize::from(len)),
            _ => return None,
        };
        let payload = self.pending.get(header..header + len)?;
        if self.pending[0] == 0x88
            && let [a, b, ..] = *payload
        {
            self.close = Some(u16::from_be_bytes([a, b]));
        }
        Some(header + len)
    }
}
