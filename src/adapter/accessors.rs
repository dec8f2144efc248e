//! What every socket can be asked, written once.

/// The methods of a socket that only look at its `driver`.
macro_rules! accessors {
    () => {
        /// How far the connection has come.
        #[must_use]
        pub fn state(&self) -> $crate::State {
            self.driver.endpoint().state()
        }

        /// How the connection ended; `None` before.
        #[must_use]
        pub fn close_status(&self) -> Option<&$crate::CloseStatus> {
            self.driver.endpoint().close_status()
        }

        /// *Subprotocol In Use*, while the connection lasts.
        #[must_use]
        pub fn subprotocol(&self) -> Option<&str> {
            self.driver.endpoint().subprotocol()
        }

        /// What was agreed on for permessage-deflate, while the connection lasts.
        #[must_use]
        pub fn deflate(&self) -> Option<$crate::proto::DeflateParams> {
            self.driver.endpoint().deflate()
        }

        /// *Extensions In Use*, while the connection lasts.
        #[must_use]
        pub fn extensions(&self) -> Option<std::string::String> {
            self.driver.endpoint().extensions()
        }

        /// Bytes of application data that were sent and are not yet written.
        #[must_use]
        pub fn buffered_amount(&self) -> usize {
            self.driver.endpoint().buffered_amount()
        }

        /// Whether a message may be sent without waiting.
        #[must_use]
        pub fn can_send(&self) -> bool {
            self.driver.endpoint().can_send()
        }

        /// What went over the connection, if [`Config::counters`]($crate::Config::counters) asks
        /// for it; at its end too.
        #[must_use]
        pub fn counters(&self) -> Option<$crate::proto::Counters> {
            self.driver.endpoint().counters()
        }

        /// Gives an owned payload's memory back for the next large message.
        pub fn recycle(&mut self, buffer: std::vec::Vec<u8>) {
            self.driver.endpoint_mut().recycle(buffer);
        }

        /// The next event of what was read; `None` when it is time to [`fill`](Self::fill).
        #[inline(always)]
        pub fn next_event(&mut self) -> Option<$crate::EndpointEvent<'_>> {
            self.driver.next_event().map(|(event, _)| event)
        }

        /// The next event, and a way to answer while it is held.
        #[inline(always)]
        pub fn next_with_reply(
            &mut self,
        ) -> Option<($crate::EndpointEvent<'_>, $crate::adapter::Reply<'_>)> {
            self.driver.next_event()
        }
    };
}

pub(super) use accessors;
