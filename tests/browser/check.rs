//! What must come of the cases of `cases.mjs`, as the client tells it and as our server saw it.

use sansock::{CloseCode, CloseStatus};

use super::server::{Record, Tap};

/// What the cases of `WebSocket` are called.
pub(crate) const CASES: [&str; 12] = [
    "texts come back",
    "binaries come back",
    "a mebibyte comes back",
    "many messages keep their order",
    "compression is agreed on and used",
    "the client closes",
    "the client closes without a code",
    "the server closes first",
    "a subprotocol is selected",
    "no subprotocol where one was asked for is a failure",
    "a refusal is a failure",
    "sixty connections at once",
];

/// Each case has a line that says it went well.
pub(crate) fn check_report(report: &str, cases: &[&str]) {
    let expected: Vec<String> = cases.iter().map(|name| format!("{name}: ok")).collect();
    let lines: Vec<&str> = report.lines().collect();
    assert_eq!(lines, expected, "\n{report}");
}

/// What the server sent through the tap was compressed, and what the client did if it ever does:
/// 3 texts of 250,000 bytes.
pub(crate) fn check_tap(tap: Tap, client_compresses: bool) {
    let [client, server] = tap.finish();
    for (name, bytes, compresses) in [
        ("client", client, client_compresses),
        ("server", server, true),
    ] {
        // A text with or without RSV1, in one frame or several.
        let first = if compresses { 0x41 } else { 0x01 };
        assert_eq!(bytes[0] & 0x7F, first, "{name}");
        // All of them and the Close, in less than a tenth.
        let len = bytes.len();
        assert_eq!(len < 75_000, compresses, "{len} bytes of the {name}");
    }
}

/// How the only connection with that target ended.
pub(crate) fn status<'a>(records: &'a [Record], target: &str) -> &'a CloseStatus {
    let mut found = records.iter().filter(|record| record.target == target);
    let (Some(record), None) = (found.next(), found.next()) else {
        panic!("not one connection to {target}: {records:?}")
    };
    record
        .end
        .as_ref()
        .unwrap_or_else(|error| panic!("{target}: {error}"))
}

/// What the server saw of the cases, and of the client's origin.
pub(crate) fn check_records(records: &[Record], origin: Option<&str>) {
    let cases = [
        ("/echo?texts", 1000, ""),
        ("/echo?close=1000", 1000, "bye"),
        ("/echo?close=3000", 3000, ""),
        ("/echo?close=4999", 4999, "Grüße"),
        ("/echo?close=none", 1005, ""),
        ("/close?code=1000&reason=done", 1000, ""),
        ("/close?code=1001&reason=", 1001, ""),
        ("/close?code=3000&reason=", 3000, ""),
        ("/close?code=4999&reason=done", 4999, ""),
        ("/close", 1005, ""),
    ];
    for (target, code, reason) in cases {
        let status = status(records, target);
        assert!(status.clean, "{target}: {status:?}");
        assert_eq!(status.code(), CloseCode::new(code), "{target}: {status:?}");
        // Who answers a Close may repeat its reason.
        if !target.starts_with("/close") {
            assert_eq!(status.reason(), reason, "{target}: {status:?}");
        }
    }
    for record in records {
        assert_eq!(record.origin.as_deref(), origin, "{record:?}");
    }
    let many = records
        .iter()
        .filter(|it| it.target.starts_with("/echo?many="));
    assert_eq!(many.count(), 60);
    let received = |target: &str| {
        records
            .iter()
            .find(|it| it.target == target)
            .unwrap()
            .received
    };
    assert_eq!(received("/echo?order"), 2000);
    assert_eq!(received("/echo?mebibyte"), 2);
    for record in records.iter().filter(|it| it.target.starts_with("/echo")) {
        assert!(record.deflate.is_some(), "{record:?}");
    }
}
