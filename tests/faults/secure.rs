//! TLS over the transport: the server's side is the crate's, the peer's is rustls itself.

use std::{
    io::{Read, Write},
    sync::{Arc, LazyLock},
};

use sansock::adapter::tls::{
    self, TlsAcceptor, TlsStream,
    rustls::{ClientConfig, ClientConnection, crypto::ring},
};

use crate::{
    certificates::{self, Authority},
    transport::Layer,
};

const HOST: &str = "server.example.com";

static TLS: LazyLock<(Arc<ClientConfig>, TlsAcceptor)> = LazyLock::new(|| {
    let provider = Arc::new(ring::default_provider());
    let authority = Authority::new();
    let server = authority.leaf(HOST).server(&provider);
    let client = certificates::client(&provider, &authority);
    (Arc::new(client), Arc::new(server).into())
});

pub(crate) fn wrap<S>(stream: S) -> Result<TlsStream<S>, tls::Error> {
    TLS.1.wrap(stream)
}

/// A client that says what it has to once it knows whom it speaks to.
#[derive(Debug)]
pub(crate) struct Client {
    connection: ClientConnection,
    plaintext: Vec<u8>,
}

impl Client {
    /// And what it says first.
    pub(crate) fn new(plaintext: Vec<u8>) -> (Self, Vec<u8>) {
        let host = HOST.try_into().unwrap();
        let mut connection = ClientConnection::new(Arc::clone(&TLS.0), host).unwrap();
        connection.set_buffer_limit(None);
        let mut this = Self {
            connection,
            plaintext,
        };
        let mut hello = Vec::new();
        this.answer(&mut hello);
        (this, hello)
    }

    fn answer(&mut self, input: &mut Vec<u8>) {
        if !self.connection.is_handshaking() {
            let plaintext = std::mem::take(&mut self.plaintext);
            self.connection.writer().write_all(&plaintext).unwrap();
        }
        while self.connection.wants_write() {
            self.connection.write_tls(input).unwrap();
        }
    }
}

impl Layer for Client {
    fn take(&mut self, mut bytes: &[u8], written: &mut Vec<u8>, input: &mut Vec<u8>) {
        while !bytes.is_empty() {
            self.connection.read_tls(&mut bytes).unwrap();
            // Whatever fails below, no record is ever broken.
            self.connection.process_new_packets().unwrap();
            // The end of what there is for now is an error.
            let _ = self.connection.reader().read_to_end(written);
        }
        self.answer(input);
    }
}
