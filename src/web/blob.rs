//! What a binary message is while `binaryType` is `"blob"`.

use alloc::{string::String, vec::Vec};
use core::{
    fmt,
    ops::{Bound, RangeBounds},
};

use bytes::Bytes;

use crate::proto::Message;

/// Bytes that do not change, cheap to clone and to slice (File API §3).
///
/// A `Blob` of a message has no media type, so there is none.
///
/// ```
/// use sansock::web::Blob;
///
/// let blob = Blob::from(b"\x01\x02\x03".to_vec());
/// assert_eq!((blob.size(), &blob.slice(1..).array_buffer()[..]), (3, &[2, 3][..]));
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Blob(Bytes);

impl Blob {
    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A part of it, which shares its memory; what lies outside of it is left out.
    #[must_use]
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Self {
        let start = match range.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&start) => start.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&end) => end.saturating_add(1),
            Bound::Excluded(&end) => end,
            Bound::Unbounded => self.size(),
        };
        let end = end.min(self.size());
        Self(self.0.slice(start.min(end)..end))
    }

    /// A copy of the bytes.
    #[must_use]
    pub fn array_buffer(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    /// The bytes as text; what is no UTF-8 becomes U+FFFD.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<Bytes> for Blob {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<Blob> for Bytes {
    fn from(blob: Blob) -> Self {
        blob.0
    }
}

impl From<Blob> for Message<'_> {
    /// Copies only if the blob is shared.
    fn from(blob: Blob) -> Self {
        Vec::from(blob.0).into()
    }
}

impl<'a> From<&'a Blob> for Message<'a> {
    fn from(blob: &'a Blob) -> Self {
        blob.as_bytes().into()
    }
}

impl fmt::Debug for Blob {
    /// Says how long it is, not what it holds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.size())
    }
}
