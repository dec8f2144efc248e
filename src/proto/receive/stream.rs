//! Messages handed out in parts as they come (RFC 6455 §5.4).

use alloc::{borrow::Cow, string::String};

use super::{
    super::{
        assembly::{Assembly, Buffer, Frame},
        error::ProtocolError,
        event::{Event, Message, Part},
    },
    Activity, Receiver, Step,
};

impl Receiver {
    /// Hands out what came of a frame, keeping nothing but a character that was cut.
    pub(super) fn stream<'b>(
        &mut self,
        mut frame: Frame,
        input: &mut &'b mut [u8],
    ) -> Result<Step<'b>, ProtocolError> {
        let unfinished = self.unfinished.get_or_insert_default();
        let message = unfinished
            .message
            .get_or_insert_with(|| Assembly::new(&frame, None));
        let before = frame.remaining;
        let data = match &mut message.buffer {
            Buffer::Binary(_) => Message::Binary(Cow::Borrowed(frame.take(input))),
            Buffer::Text(_, utf8) if utf8.is_complete() => {
                Message::from(utf8.check(frame.take(input))?)
            }
            Buffer::Text(_, utf8) => {
                let mut completed = None;
                while completed.is_none() && frame.remaining > 0 && !input.is_empty() {
                    let mut byte = &*frame.take_at_most(input, 1);
                    completed = utf8.complete(&mut byte)?;
                }
                completed
                    .map_or_else(String::new, |it| String::from(it.as_str()))
                    .into()
            }
        };
        unfinished.bytes = unfinished.bytes.saturating_add(before - frame.remaining);
        self.activity = Activity::Data;
        let last = frame.fin && frame.remaining == 0;
        self.part(frame, data, last)
    }

    /// Hands out what came of a frame, unless it is nothing and not the end either.
    pub(super) fn part<'b>(
        &mut self,
        frame: Frame,
        data: Message<'b>,
        last: bool,
    ) -> Result<Step<'b>, ProtocolError> {
        let unfinished = self.unfinished.get_or_insert_default();
        if last {
            unfinished
                .message
                .take()
                .map(Assembly::finish)
                .transpose()?;
            self.finished_message();
        } else if frame.remaining > 0 {
            unfinished.frame = Some(frame);
            if data.is_empty() {
                // What is empty although the frame goes on found the input used up.
                return Ok(Step::Starved);
            }
        } else if data.is_empty() {
            return Ok(Step::Next);
        }
        Ok(Step::Event(Event::Part(Part { data, last })))
    }
}
