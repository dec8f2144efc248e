//! A server that is bytes.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
};

use sansock::proto::handshake::accept_key;

use crate::adapter::PATIENCE;

/// A listener, and the URL that leads to it.
pub(crate) struct Server {
    listener: TcpListener,
    pub(crate) url: String,
}

/// A connection that was accepted.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    /// The request's head.
    pub(crate) request: String,
}

/// A frame of a client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The first byte: FIN, RSV and opcode.
    pub(crate) head: u8,
    pub(crate) payload: Vec<u8>,
}

impl Server {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        Self { listener, url }
    }

    /// Waits for a request, and leaves it unanswered.
    pub(crate) fn receive(&self) -> Peer {
        let (stream, _) = self.listener.accept().unwrap();
        Peer::receive(stream)
    }

    /// Waits for a request and accepts it.
    pub(crate) fn accept(&self) -> Peer {
        self.accept_with("")
    }

    /// Accepts with further header lines, each with its line end.
    pub(crate) fn accept_with(&self, headers: &str) -> Peer {
        let mut peer = self.receive();
        let head = peer.answer(headers);
        peer.write(&head);
        peer
    }

    /// Stops listening: further connections are refused.
    pub(crate) fn refuse(self) -> String {
        self.url
    }

    /// Whether somebody connects.
    pub(crate) fn is_asked(&self) -> bool {
        self.listener.set_nonblocking(true).unwrap();
        let asked = self.listener.accept().is_ok();
        self.listener.set_nonblocking(false).unwrap();
        asked
    }
}

impl Peer {
    fn receive(mut stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        let request = String::from_utf8(request).unwrap();
        Self { stream, request }
    }

    /// A header's value in the request.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.request.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The answer that opens a connection.
    pub(crate) fn answer(&self, headers: &str) -> Vec<u8> {
        let accept = accept_key(self.header("Sec-WebSocket-Key").unwrap().as_bytes());
        let accept = String::from_utf8(accept.to_vec()).unwrap();
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{headers}\r\n"
        )
        .into_bytes()
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The next frame, unmasked; `None` at the end.
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        let mut head = [0; 2];
        match self.stream.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return None,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
            Err(error) => panic!("{error}"),
        }
        assert_eq!(head[1] & 0x80, 0x80, "a client masks");
        let len = match head[1] & 0x7F {
            126 => u64::from(u16::from_be_bytes(self.read())),
            127 => u64::from_be_bytes(self.read()),
            len => u64::from(len),
        };
        let key: [u8; 4] = self.read();
        let mut payload = vec![0; len as usize];
        self.stream.read_exact(&mut payload).unwrap();
        for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
            *byte ^= key;
        }
        Some(Frame {
            head: head[0],
            payload,
        })
    }

    /// The payload of the next frame, which is a whole message of this kind.
    pub(crate) fn message(&mut self, head: u8) -> Vec<u8> {
        let frame = self.frame().expect("a frame");
        assert_eq!(frame.head, head, "{frame:?}");
        frame.payload
    }

    /// The payload of the Close frame that is next.
    pub(crate) fn close_frame(&mut self) -> Vec<u8> {
        self.message(0x88)
    }

    /// Waits for our Close frame, answers it with the same and ends.
    pub(crate) fn answer_close(mut self) -> Vec<u8> {
        let payload = self.close_frame();
        let mut frame = vec![0x88, payload.len() as u8];
        frame.extend_from_slice(&payload);
        self.write(&frame);
        self.end();
        payload
    }

    /// Ends writing, and waits for the other side's end.
    pub(crate) fn end(mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
        while self.frame().is_some() {}
    }

    fn read<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }
}

/// A client's and a server's end, with no handshake.
pub(crate) fn streams() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    (client, server)
}
