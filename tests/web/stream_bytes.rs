//! A stream's messages as an `AsyncRead` (requirements 46 and 50).

use std::{
    net::Shutdown,
    pin::{Pin, pin},
};

use futures_util::poll;
use sansock::{
    adapter::{futures::Futures, tokio::Tokio},
    web::StreamError,
};

use crate::{
    adapter::RUNTIME,
    streams::{Streams, web_socket_error},
};

/// Two messages, and an empty one between them.
const HELLO: &[u8] = b"\x81\x06Hello \x82\x00\x82\x05w\xC3\xB6rl";

/// Both runtimes have traits of the same names, so this is written out for each.
macro_rules! as_async_read {
    ($adapter:ident, $block_on:expr, $traits:ident) => {
        use $traits::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

        use super::*;

        #[test]
        fn d46_d50_messages_are_bytes_to_a_clean_end() {
            let (_stream, opened, mut peer) = $adapter::open("");
            let mut bytes = opened.readable.into_async_read();
            peer.write(HELLO);
            $block_on(async {
                assert_eq!(bytes.read(&mut []).await.unwrap(), 0);
                let mut buffer = [0; 4];
                assert_eq!(bytes.read(&mut buffer).await.unwrap(), 4);
                assert_eq!(&buffer, b"Hell");
                // One read goes to the end of a message and no further.
                assert_eq!(bytes.read(&mut buffer).await.unwrap(), 2);
                assert_eq!(&buffer[..2], b"o ");
                assert_eq!(bytes.fill_buf().await.unwrap(), b"w\xC3\xB6rl");
                Pin::new(&mut bytes).consume(2);
                assert_eq!(bytes.fill_buf().await.unwrap(), b"\xB6rl");
                peer.write(b"\x82\x01d\x88\x02\x03\xE8");
                peer.stream.shutdown(Shutdown::Write).unwrap();
                let mut rest = Vec::new();
                bytes.read_to_end(&mut rest).await.unwrap();
                assert_eq!(rest, b"\xB6rld");
                assert_eq!(bytes.read(&mut buffer).await.unwrap(), 0);
            });
        }

        #[test]
        fn d50_an_unclean_end_is_an_error_each_time() {
            let (stream, opened, mut peer) = $adapter::open("");
            let mut bytes = opened.readable.into_async_read();
            peer.write(b"\x82\x01x");
            peer.stream.shutdown(Shutdown::Write).unwrap();
            let mut all = Vec::new();
            $block_on(async {
                let first = bytes.read_to_end(&mut all).await.unwrap_err();
                let second = bytes.read_to_end(&mut all).await.unwrap_err();
                let closed = stream.closed().await.unwrap_err();
                for error in [first, second] {
                    assert_eq!(error.downcast::<StreamError>().unwrap(), closed);
                }
                assert_eq!(web_socket_error(closed).close_code(), Some(1006));
            });
            assert_eq!(all, b"x");
        }

        #[test]
        fn a_read_that_is_dropped_loses_nothing() {
            let (_stream, opened, mut peer) = $adapter::open("");
            let mut bytes = opened.readable.into_async_read();
            $block_on(async {
                let mut buffer = [0; 8];
                assert!(poll!(pin!(bytes.read(&mut buffer))).is_pending());
                peer.write(b"\x82\x03abc");
                assert_eq!(bytes.read(&mut buffer).await.unwrap(), 3);
                assert_eq!(&buffer[..3], b"abc");
            });
        }
    };
}

mod as_async_read_of_tokio {
    use tokio::io;

    as_async_read!(Tokio, |future| RUNTIME.block_on(future), io);
}

mod as_async_read_of_futures {
    use futures_util::io;

    as_async_read!(Futures, smol::block_on, io);
}
