//! The transport that tungstenite reads.

use std::{
    io::{self, ErrorKind, Read, Write},
    vec,
};

use crate::Cuts;

/// A piece each read, then none for now.
pub(super) struct Stream<'a> {
    pieces: vec::IntoIter<&'a [u8]>,
    piece: &'a [u8],
    pub(super) written: Vec<u8>,
}

impl<'a> Stream<'a> {
    pub(super) fn new(wire: &'a [u8], cuts: &Cuts) -> Self {
        Self {
            pieces: cuts.clone().pieces(wire).into_iter(),
            piece: &[],
            written: Vec::new(),
        }
    }

    /// What was not read.
    pub(super) fn rest(&self) -> Vec<u8> {
        [self.piece, &self.pieces.as_slice().concat()].concat()
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            self.piece = self.pieces.next().ok_or(ErrorKind::WouldBlock)?;
        }
        self.piece.read(buffer)
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
