//! A message of which a reader of bytes has taken a part.

/// What was received and not yet taken.
pub(super) struct Unread<B> {
    message: Option<B>,
    taken: usize,
}

impl<B: AsRef<[u8]>> Unread<B> {
    pub(super) const NONE: Self = Self {
        message: None,
        taken: 0,
    };

    /// A message but for its first `taken` bytes.
    pub(super) const fn new(message: B, taken: usize) -> Self {
        Self {
            message: Some(message),
            taken,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        let message = self.message.as_ref().map(AsRef::as_ref);
        message
            .and_then(|message| message.get(self.taken..))
            .unwrap_or_default()
    }

    /// Takes `n` bytes; returns a message that is used up.
    pub(super) fn consume(&mut self, n: usize) -> Option<B> {
        self.taken = self.taken.saturating_add(n);
        if self.bytes().is_empty() {
            self.taken = 0;
            return self.message.take();
        }
        None
    }
}
