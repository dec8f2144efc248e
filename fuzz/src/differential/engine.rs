//! The engine's side.

use std::sync::Arc;

use sansock::{
    Config, DeflateConfig, Event, Message, ProtocolError,
    proto::{Connection, handshake::Negotiated},
};

use super::{Case, Log, Said};
use crate::{Frames, SEED};

/// What the engine made of a case.
pub(super) struct Engine {
    pub(super) log: Log,
    /// How many bytes it had taken when it said each thing.
    pub(super) ends: Vec<usize>,
    pub(super) error: Option<ProtocolError>,
}

impl Engine {
    /// Hands it the bytes as the case cuts them, and byte by byte, which comes to the same.
    pub(super) fn new(case: &Case) -> Self {
        let cut = Self::receive(case, case.cuts.clone().pieces(&case.wire));
        let single = Self::receive(case, case.wire.chunks(1));
        assert_eq!(
            (&cut.log, cut.error),
            (&single.log, single.error),
            "{case:?}"
        );
        single
    }

    fn receive<'a>(case: &Case, pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        // Limits that the others do not have are lifted. Budgets hold once there is a clock.
        let config = Config::default()
            .max_frame_size(case.max_frame)
            .max_message_size(case.max_message)
            .max_fragments(u32::MAX)
            .deflate(case.deflate.map(|_| DeflateConfig::new()));
        let mut negotiated = Negotiated::default();
        negotiated.deflate = case.deflate;
        let mut connection =
            Connection::from_negotiated(case.role, &negotiated, &Arc::new(config), SEED);
        let mut frames = Frames::new(case.role);
        let mut engine = Self {
            log: Log::default(),
            ends: Vec::new(),
            error: None,
        };
        let mut taken = 0;
        for piece in pieces {
            taken += piece.len();
            let mut piece = piece.to_vec();
            let mut input = &mut piece[..];
            let mut out = Vec::new();
            loop {
                let said = match connection.receive(&mut input, &mut out) {
                    Ok(Some(Event::Message(Message::Text(text)))) => {
                        Said::Text(text.into_owned().into_bytes())
                    }
                    Ok(Some(Event::Message(Message::Binary(data)))) => {
                        Said::Binary(data.into_owned())
                    }
                    Ok(Some(Event::Ping(payload))) => Said::Ping(payload.into_owned()),
                    Ok(Some(Event::Pong(payload))) => Said::Pong(payload.into_owned()),
                    Ok(Some(Event::Close(frame))) => Said::Close(
                        frame.map(|frame| (frame.code.get(), frame.reason.as_bytes().to_vec())),
                    ),
                    Ok(Some(event)) => panic!("{event:?} was not asked for"),
                    Ok(None) => break,
                    Err(error) => {
                        engine.error = Some(error);
                        Said::Fail(error.close_code().get())
                    }
                };
                engine.log.said.push(said);
                engine.ends.push(taken);
            }
            frames.take(&out);
        }
        engine.log.read(&frames);
        engine
    }
}

impl Log {
    /// Takes note of what an end wrote.
    pub(super) fn read(&mut self, frames: &Frames) {
        for frame in &frames.frames {
            match (frame.first, &frame.payload[..]) {
                (0x8A, payload) => self.pongs.push(payload.to_vec()),
                (0x88, [high, low, ..]) => self.closed = Some(u16::from_be_bytes([*high, *low])),
                (0x88, _) => self.closed = Some(1005),
                (first, _) => panic!("a frame that begins with {first:#x}"),
            }
        }
    }
}
