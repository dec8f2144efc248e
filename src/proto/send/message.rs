//! Data messages: whole, prepared, in parts (RFC 6455 §6.1).

use alloc::vec::Vec;

#[cfg(feature = "deflate")]
use super::deflate;
use super::{
    super::{
        error::SendError,
        event::Part,
        opcode::{Opcode, Role},
        options::Compress,
        prepared::Prepared,
    },
    Sender,
};

impl Sender {
    /// Sends a whole message; says whether it was compressed.
    #[inline]
    pub(crate) fn send(
        &mut self,
        opcode: Opcode,
        data: &[u8],
        compress: Compress,
        out: &mut Vec<u8>,
    ) -> Result<bool, SendError> {
        self.check_message()?;
        self.active = true;
        #[cfg(feature = "deflate")]
        if self.deflate.is_some() && self.wants_compressed(data.len(), true, compress) {
            let piece = deflate::Piece {
                opcode,
                first: true,
                last: true,
                data,
                may_give_up: compress == Compress::Auto,
            };
            if self.compress(&piece, out) {
                return Ok(true);
            }
        }
        let _ = compress;
        self.frame(true, opcode, data, out);
        Ok(false)
    }

    /// Sends a prepared message; says whether it was compressed.
    pub(crate) fn send_prepared(
        &mut self,
        message: &Prepared,
        out: &mut Vec<u8>,
    ) -> Result<bool, SendError> {
        if self.role == Role::Client {
            let (opcode, data) = (message.opcode(), message.payload());
            return self.send(opcode, &data, Compress::Auto, out);
        }
        self.check_message()?;
        self.active = true;
        #[cfg(feature = "deflate")]
        if self.wants_compressed(message.len(), true, Compress::Auto)
            && self.send_compressed(message, out)
        {
            return Ok(true);
        }
        out.extend_from_slice(message.frame());
        self.count(true, message.opcode(), message.frame().len());
        Ok(false)
    }

    /// Sends a part of a message of this kind; the bytes of a text may be cut inside a character.
    /// Says whether it was compressed, which `compress` decides at the message's first part.
    pub(crate) fn send_part(
        &mut self,
        kind: Opcode,
        part: &Part<'_>,
        compress: Compress,
        out: &mut Vec<u8>,
    ) -> Result<bool, SendError> {
        let first = self.part.is_none();
        let opcode = self.next_part(kind, part.last)?;
        let data = part.data.as_bytes();
        #[cfg(feature = "deflate")]
        {
            if first {
                self.part_compressed = self.wants_compressed(data.len(), part.last, compress);
            }
            let piece = deflate::Piece {
                opcode,
                first,
                last: part.last,
                data,
                // A short first part says nothing about the rest.
                may_give_up: first
                    && compress == Compress::Auto
                    && (part.last || data.len() >= 4096),
            };
            if self.part_compressed && self.compress(&piece, out) {
                self.part_compressed = !part.last;
                return Ok(true);
            }
            self.part_compressed = false;
        }
        let _ = (first, compress);
        self.frame(part.last, opcode, data, out);
        Ok(false)
    }

    /// Whether a prepared message is to be compressed: a server makes the compressed form to see.
    pub(crate) fn will_compress_prepared(&self, message: &Prepared) -> bool {
        #[cfg(feature = "deflate")]
        return self.wants_compressed(message.len(), true, Compress::Auto)
            && (self.role == Role::Client || self.compressed_form(message).is_some());
        #[cfg(not(feature = "deflate"))]
        {
            let _ = message;
            false
        }
    }

    /// Whether the next frame of a message that begins with `len` bytes, or goes on, is compressed.
    pub(crate) fn will_compress(&self, len: usize, last: bool, compress: Compress) -> bool {
        if self.part.is_some() {
            return self.part_compressed;
        }
        #[cfg(feature = "deflate")]
        return self.wants_compressed(len, last, compress);
        #[cfg(not(feature = "deflate"))]
        {
            let _ = (len, last, compress);
            false
        }
    }
}
