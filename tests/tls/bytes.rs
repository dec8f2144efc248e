//! TLS under two tasks, and inside of a WebSocket: over a connection as a stream of bytes.

use std::{sync::Arc, time::Duration};

use ::tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex, split},
    time::timeout,
};
use sansock::{
    Config,
    adapter::{
        tls::{TlsAcceptor, TlsConnector},
        tokio::Socket,
    },
    proto::Connection,
};

use crate::{
    HOST,
    certificates::{Authority, client},
    ring,
    wire::noise,
};

#[::tokio::test(start_paused = true)]
async fn tls_runs_over_a_websocket_and_ends_in_order() {
    let config = Arc::new(Config::default().high_water_mark(4_000));
    let (near, far) = duplex(1_000);
    let near = Socket::from_parts(near, Connection::client(&config, [7; 32]), Vec::new());
    let far = Socket::from_parts(far, Connection::server(&config), Vec::new());
    let authority = Authority::new();
    let connector = TlsConnector::from(Arc::new(client(&ring(), &authority)));
    let acceptor = TlsAcceptor::from(Arc::new(authority.leaf(HOST).server(&ring())));

    let near = connector.wrap(near.into_byte_stream(), HOST).unwrap();
    let mut far = acceptor.wrap(far.into_byte_stream()).unwrap();
    let sent = noise(300_000);
    let serving = ::tokio::spawn(async move {
        let (mut buffer, mut left) = (vec![0; 10_000], 300_000);
        while left > 0 {
            let n = far.read(&mut buffer).await?;
            assert_ne!(n, 0, "{left} bytes are missing");
            far.write_all(&buffer[..n]).await?;
            left -= n;
        }
        far.shutdown().await.map(|()| far)
    });
    let (mut read, mut write) = split(near);
    let mut received = vec![0; sent.len()];
    let both = async {
        let writing = async {
            write.write_all(&sent).await.unwrap();
            write.flush().await.unwrap();
        };
        let reading = async { read.read_exact(&mut received).await.unwrap() };
        ::tokio::join!(writing, reading);
        // `close_notify`, which stands before the Close: behind it nothing can be sent.
        let end = read.read(&mut [0]).await.unwrap();
        write.shutdown().await.unwrap();
        end
    };
    // By a made-up clock: whoever waits for ever fails.
    let end = timeout(Duration::from_secs(3600), both).await.unwrap();
    assert_eq!(end, 0);
    assert!(received == sent);
    let far = serving.await.unwrap().unwrap();
    assert!(far.get_ref().get_ref().close_status().unwrap().clean);
}

/// The task that reads writes what TLS has left over, and must not take the other's waker.
#[::tokio::test(start_paused = true)]
async fn one_task_reads_and_another_writes() {
    let (near, far) = duplex(1_000);
    let authority = Authority::new();
    let connector = TlsConnector::from(Arc::new(client(&ring(), &authority)));
    let acceptor = TlsAcceptor::from(Arc::new(authority.leaf(HOST).server(&ring())));
    let near = connector.wrap(near, HOST).unwrap();
    let mut far = acceptor.wrap(far).unwrap();
    ::tokio::spawn(async move {
        let mut buffer = vec![0; 10_000];
        while let n @ 1.. = far.read(&mut buffer).await.unwrap() {
            far.write_all(&buffer[..n]).await.unwrap();
        }
    });
    let (mut read, mut write) = split(near);
    let sent = noise(300_000);
    let to_send = sent.clone();
    ::tokio::spawn(async move {
        write.write_all(&to_send).await.unwrap();
        write.flush().await.unwrap();
    });
    let mut received = vec![0; sent.len()];
    let reading = read.read_exact(&mut received);
    let read = timeout(Duration::from_secs(3600), reading).await;
    read.expect("waits for ever").unwrap();
    assert!(received == sent);
}
