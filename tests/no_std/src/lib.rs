//! A program without an operating system that opens a connection to itself and talks.
//!
//! It is a static library with a panic handler of its own. If anything below linked `std`, there
//! would be two, and the build would fail: so its building is the proof that `sansock` without
//! default features is `no_std`.
#![no_std]

extern crate alloc;

use alloc::{sync::Arc, vec::Vec};
use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    panic::PanicInfo,
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};

use sansock::{
    CloseCode, CloseFrame, Config, Event,
    endpoint::{Endpoint, EndpointEvent},
    proto::{
        Connection, Instant,
        handshake::{Accept, ClientHandshake, ClientRequest, Outcome, ServerHandshake},
    },
};

/// A source of entropy, which a real program must have.
const SEED: [u8; 32] = [7; 32];

/// Sends a text through the engine and through the endpoint and closes both; 0 if all went well,
/// else the number of the step that did not.
#[unsafe(no_mangle)]
pub extern "C" fn sansock_talk() -> u32 {
    match engine().and_then(|()| endpoint()) {
        Ok(()) => 0,
        Err(step) => step,
    }
}

/// Both ends as bare machines: handshake, a message, the closing handshake, and time.
fn engine() -> Result<(), u32> {
    let config = Arc::new(Config::default());
    let request = ClientRequest::new("example.com", "/chat").map_err(|_| 1u32)?;
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());

    let mut opening = ClientHandshake::start(&request, &config, SEED, &mut to_server);
    let mut deciding = ServerHandshake::new(&config);
    let mut input = &mut to_server[..];
    let request = deciding.receive(&mut input, &mut to_client);
    request.ok().flatten().ok_or(2u32)?;
    let accepted = deciding.accept(&Accept::new(), &mut to_client);
    let (mut server, _) = accepted.map_err(|_| 3u32)?;
    let mut input = &mut to_client[..];
    let Ok(Some(Outcome::Open(mut client, _))) = opening.receive(&mut input) else {
        return Err(4);
    };
    to_server.clear();
    to_client.clear();

    client.send("hello", &mut to_server).map_err(|_| 5u32)?;
    echo(&mut server, &mut to_server, &mut to_client)?;
    let mut input = &mut to_client[..];
    let Ok(Some(Event::Message(message))) = client.receive(&mut input, &mut to_server) else {
        return Err(6);
    };
    if message.as_text() != Some("hello") {
        return Err(7);
    }
    let goodbye = CloseFrame::new(CloseCode::NORMAL, "");
    to_server.clear();
    client
        .close(Some(&goodbye), &mut to_server)
        .map_err(|_| 8u32)?;
    to_client.clear();
    echo(&mut server, &mut to_server, &mut to_client)?;
    let deadline = server.handle_timeout(Instant::ZERO, &mut to_client);
    if server.is_finished() && deadline.is_none() {
        Ok(())
    } else {
        Err(9)
    }
}

/// Takes what came and sends each message back.
fn echo(server: &mut Connection, input: &mut [u8], out: &mut Vec<u8>) -> Result<(), u32> {
    let mut input = input;
    while let Some(event) = server.receive(&mut input, out).map_err(|_| 20u32)? {
        if let Event::Message(message) = event {
            server.send(message, out).map_err(|_| 21u32)?;
        }
    }
    Ok(())
}

/// Both ends with their output queues.
fn endpoint() -> Result<(), u32> {
    let config = Arc::new(Config::default());
    let request = ClientRequest::new("example.com", "/chat").map_err(|_| 31u32)?;
    let mut client = Endpoint::client(&request, &config, SEED);
    let mut server = Endpoint::server(&config);

    let mut bytes = carry(&mut client);
    let request = server.receive(&mut &mut bytes[..]);
    if !matches!(request, Some(EndpointEvent::Request(_))) {
        return Err(32);
    }
    server.accept(&Accept::new()).map_err(|_| 33u32)?;
    server.send("welcome").map_err(|_| 34u32)?;

    let mut bytes = carry(&mut server);
    let mut input = &mut bytes[..];
    if !matches!(
        client.receive(&mut input),
        Some(EndpointEvent::Open(Some(_)))
    ) {
        return Err(35);
    }
    let event = client.receive(&mut input).ok_or(36u32)?;
    let message = event.into_message().ok_or(37u32)?;
    if message.as_text() == Some("welcome") {
        Ok(())
    } else {
        Err(38)
    }
}

/// Takes what waits to be written, as a transport would.
fn carry(endpoint: &mut Endpoint) -> Vec<u8> {
    let bytes: Vec<u8> = endpoint.outbox().chunks().flatten().copied().collect();
    endpoint.outbox().consume(bytes.len());
    bytes
}

/// Ends nothing and tells nobody: there is no system to do it.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// Hands out memory from one piece, and takes none back.
struct Bump {
    memory: UnsafeCell<[u8; SIZE]>,
    used: AtomicUsize,
}

const SIZE: usize = 1 << 20;

#[global_allocator]
static MEMORY: Bump = Bump {
    memory: UnsafeCell::new([0; SIZE]),
    used: AtomicUsize::new(0),
};

// SAFETY: `alloc` hands out each byte of `memory` once, and nothing else touches it.
unsafe impl Sync for Bump {}

// SAFETY: a block lies inside `memory`, is aligned as asked and overlaps no other, since `used`
// only grows, by at least its size.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.memory.get().cast::<u8>();
        let fit = |used: usize| {
            let start = (base.addr() + used).next_multiple_of(layout.align()) - base.addr();
            let end = start.checked_add(layout.size())?;
            (end <= SIZE).then_some((start, end))
        };
        let taken = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                fit(used).map(|(_, end)| end)
            });
        match taken.ok().and_then(fit) {
            // SAFETY: `fit` returned a start inside `memory`.
            Some((start, _)) => unsafe { base.add(start) },
            None => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
