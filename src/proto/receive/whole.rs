//! The short path: a message that lies whole in the input.

use super::{
    super::{
        assembly::{Frame, whole_message},
        error::ProtocolError,
        event::{Event, Message},
        frame::FrameHeader,
        opcode::{Opcode, Role},
    },
    Activity, Receiver, split_front,
};

impl Receiver {
    /// Takes bytes and returns the next event, or `None` once `input` is used up.
    #[inline]
    pub(crate) fn receive<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        match self.receive_whole(input) {
            Ok(Some(message)) => Ok(Some(Event::Message(message))),
            other => self.receive_other(other.err(), input),
        }
    }

    /// The short path of [`receive`](Self::receive): a message that lies whole at the front of
    /// `input`. Where there is none, [`receive_other`](Self::receive_other) goes on.
    ///
    /// It is a function of its own, so that whoever wraps the event does so where it is made: each
    /// move of an event costs as much as it takes to parse the frame.
    ///
    /// # Errors
    ///
    /// A text that is not UTF-8: what `receive_other` is then to be told.
    #[inline]
    pub(crate) fn receive_whole<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Message<'b>>, ProtocolError> {
        if self.ready
            && let Ok(Some((header, header_len))) = FrameHeader::parse(input)
            && header.fin
            && matches!(header.opcode, Opcode::Text | Opcode::Binary)
            && header.mask.is_some() == (self.role == Role::Server)
            && header.payload_len <= self.config.max_frame_size
            && header.payload_len <= self.config.max_message_size
            && header.payload_len <= (input.len() - header_len) as u64
        {
            split_front(input, header_len);
            let frame = Frame::new(&header);
            let payload = frame.whole_payload(input);
            self.activity = Activity::Data;
            return whole_message(header.opcode, payload).map(Some);
        }
        Ok(None)
    }

    /// Goes on where [`receive_whole`](Self::receive_whole) gave no message, or failed.
    #[inline(never)]
    pub(crate) fn receive_other<'b>(
        &mut self,
        error: Option<ProtocolError>,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        match error {
            Some(error) => self.fail(error, input),
            None if self.counts() => self.receive_counted(input),
            None => self.receive_any(input),
        }
    }
}
