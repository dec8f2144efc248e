//! Origins that are welcome, and those that only look so (RFC 6455 §10.2, RFC 6454).
#![allow(
    clippy::unwrap_used,
    clippy::type_complexity,
    reason = "a helper that panics is a failed test, and a table may be wide"
)]

use std::sync::Arc;

use sansock::proto::handshake::{
    HandshakeError, HttpVersion, OriginError, OriginPolicy, Request, ServerHandshake,
};

/// A request at `host` with these lines.
fn with(host: &str, lines: &[(&str, &str)]) -> Result<Request, HandshakeError> {
    let fields = [
        ("Host", host),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    ];
    let fields = fields.iter().chain(lines).copied();
    Request::from_parts("GET", "/chat", HttpVersion::Http11, fields)
}

fn check(policy: &OriginPolicy, host: &str, origin: &str) -> Result<(), OriginError> {
    with(host, &[("Origin", origin)])
        .unwrap()
        .check_origin(policy)
}

const OK: Result<(), OriginError> = Ok(());
const FOREIGN: Result<(), OriginError> = Err(OriginError::Foreign);
const MALFORMED: Result<(), OriginError> = Err(OriginError::Malformed);

/// Origins that look like `https://example.com` and are none.
const LOOKALIKES: [(&str, Result<(), OriginError>); 34] = [
    ("https://example.com.evil", FOREIGN),
    ("https://example.comevil", FOREIGN),
    ("https://evil.com", FOREIGN),
    ("https://evilexample.com", FOREIGN),
    ("https://evil.example.com", FOREIGN),
    ("https://www.example.com", FOREIGN),
    ("https://example.co", FOREIGN),
    ("https://xample.com", FOREIGN),
    ("https://example.com.", FOREIGN),
    ("https://example.com:444", FOREIGN),
    ("https://example.com:80", FOREIGN),
    ("https://example.com:4430", FOREIGN),
    ("http://example.com", FOREIGN),
    ("http://example.com:443", FOREIGN),
    ("wss://example.com", FOREIGN),
    ("httpss://example.com", FOREIGN),
    ("chrome-extension://example.com", FOREIGN),
    ("https://example%2Ecom", FOREIGN),
    ("https://examp1e.com", FOREIGN),
    ("https://xn--exmple-cua.com", FOREIGN),
    ("null", FOREIGN),
    ("NULL", MALFORMED),
    ("https://user@example.com", MALFORMED),
    ("https://example.com@evil.com", MALFORMED),
    ("https://example.com/", MALFORMED),
    ("https://example.com/.evil.com", MALFORMED),
    ("https://example.com?", MALFORMED),
    ("https://example.com#", MALFORMED),
    ("https://example.com:", MALFORMED),
    ("https://example.com:0443", MALFORMED),
    ("https://example.com:65979", MALFORMED),
    ("https://example.com https://evil.com", MALFORMED),
    ("https://example.com,https://evil.com", MALFORMED),
    ("example.com", MALFORMED),
];

/// Others that are no origins at all.
const NONSENSE: [&str; 14] = [
    "",
    "://example.com",
    "https://",
    "https:example.com",
    "https:/example.com",
    "https:///example.com",
    "https:\\\\example.com",
    "1https://example.com",
    "ht tps://example.com",
    "https://exa mple.com",
    "https://[::1",
    "https://::1",
    "https://[fe80::1%25eth0]",
    "https://example.com:443:443",
];

#[test]
fn clause_039_hostile_029_175_lookalikes_are_told_from_the_listed() {
    let policy = OriginPolicy::list(["https://example.com", "http://other.example:8080"]).unwrap();
    for same in [
        "https://example.com",
        "https://example.com:443",
        "https://EXAMPLE.com",
        "HTTPS://Example.Com:443",
        "http://other.example:8080",
    ] {
        assert_eq!(check(&policy, "whatever.example", same), OK, "{same}");
    }
    for (origin, verdict) in LOOKALIKES {
        assert_eq!(check(&policy, "example.com", origin), verdict, "{origin}");
    }
    for origin in NONSENSE {
        assert_eq!(check(&policy, "example.com", origin), MALFORMED, "{origin}");
    }
    // The mistakes of the program are found when it starts.
    for (origin, verdict) in LOOKALIKES {
        let listed = OriginPolicy::list([origin]).map(drop);
        let expected = if verdict == MALFORMED { MALFORMED } else { OK };
        assert_eq!(listed, expected, "{origin}");
    }
    for origin in NONSENSE.into_iter().chain(["https://exämple.com"]) {
        assert_eq!(
            OriginPolicy::list([origin]).map(drop),
            MALFORMED,
            "{origin}"
        );
    }
    let nobody = OriginPolicy::list::<&str>([]).unwrap();
    assert_eq!(
        check(&nobody, "example.com", "https://example.com"),
        FOREIGN
    );
}

#[test]
fn clause_039_hostile_029_175_lookalikes_are_told_from_the_own() {
    let policy = OriginPolicy::same_origin(true);
    for host in [
        "example.com",
        "EXAMPLE.COM",
        "example.com:443",
        "example.com:",
    ] {
        for same in [
            "https://example.com",
            "https://example.com:443",
            "https://Example.com",
        ] {
            assert_eq!(check(&policy, host, same), OK, "{same} at {host}");
        }
        for (origin, verdict) in LOOKALIKES {
            assert_eq!(check(&policy, host, origin), verdict, "{origin} at {host}");
        }
        for origin in NONSENSE {
            assert_eq!(check(&policy, host, origin), MALFORMED, "{origin}");
        }
    }
    let plain = OriginPolicy::same_origin(false);
    let cases = [
        (&plain, "example.com", "http://example.com", OK),
        (&plain, "example.com:80", "http://example.com", OK),
        (&plain, "example.com:8080", "http://example.com:8080", OK),
        (&plain, "example.com:8080", "http://example.com", FOREIGN),
        (&plain, "example.com", "https://example.com", FOREIGN),
        (&plain, "example.com:443", "https://example.com", FOREIGN),
        (&policy, "example.com:8443", "https://example.com:8443", OK),
        (&policy, "example.com:8443", "https://example.com", FOREIGN),
        (&policy, "example.com:80", "https://example.com:80", OK),
        (&plain, "[::1]:80", "http://[::1]", OK),
        (&plain, "[2001:DB8::1]", "http://[2001:db8::1]", OK),
        (&plain, "[::1]", "http://[::2]", FOREIGN),
        (&plain, "127.0.0.1:9001", "http://127.0.0.1:9001", OK),
        (&plain, "127.0.0.1", "http://localhost", FOREIGN),
        (&plain, "example.com.", "http://example.com.", OK),
        (&plain, "example.com", "http://example.com.", FOREIGN),
        // What is no port is nobody's.
        (&plain, "example.com:65616", "http://example.com", FOREIGN),
        (&plain, "example.com:080", "http://example.com", FOREIGN),
    ];
    for (policy, host, origin, verdict) in cases {
        assert_eq!(check(policy, host, origin), verdict, "{origin} at {host}");
    }
    // An absolute target counts more than Host (RFC 9112 §3.2.2), and HTTP/2 may have neither.
    let absolute = Request::from_parts(
        "CONNECT",
        "https://a.example/",
        HttpVersion::Http2,
        [
            ("Sec-WebSocket-Version", "13"),
            ("Host", "b.example"),
            ("Origin", "https://b.example"),
        ],
    );
    assert_eq!(absolute.unwrap().check_origin(&policy), FOREIGN);
    let hostless = Request::from_parts(
        "CONNECT",
        "/",
        HttpVersion::Http2,
        [
            ("Sec-WebSocket-Version", "13"),
            ("Origin", "https://b.example"),
        ],
    );
    assert_eq!(hostless.unwrap().check_origin(&policy), FOREIGN);
}

#[test]
fn clause_039_a_missing_origin_is_an_explicit_choice() {
    let program = with("example.com", &[]).unwrap();
    let own = OriginPolicy::same_origin(true);
    let listed = OriginPolicy::list(["https://example.com"]).unwrap();
    for policy in [own, listed] {
        assert_eq!(program.check_origin(&policy), Err(OriginError::Missing));
        let both = policy.allow_missing(true);
        assert_eq!(program.check_origin(&both), OK);
        // A foreign page is not let in by that.
        assert_eq!(check(&both, "example.com", "https://evil.com"), FOREIGN);
        assert_eq!(check(&both, "example.com", "null"), FOREIGN);
        assert_eq!(check(&both, "example.com", ""), MALFORMED);
    }
    let any = OriginPolicy::any();
    assert_eq!(program.check_origin(&any), OK);
    for origin in ["https://evil.com", "null", "", "nonsense"] {
        assert_eq!(check(&any, "example.com", origin), OK);
    }
    let browsers = any.allow_missing(false);
    assert_eq!(program.check_origin(&browsers), Err(OriginError::Missing));
}

#[test]
fn hostile_029_an_opaque_origin_must_be_listed() {
    let listed = OriginPolicy::list(["null"]).unwrap();
    assert_eq!(check(&listed, "example.com", "null"), OK);
    assert_eq!(check(&listed, "null", "https://null"), FOREIGN);
    // A host of that name is not it.
    let host = OriginPolicy::list(["https://null"]).unwrap();
    assert_eq!(check(&host, "example.com", "null"), FOREIGN);
    assert_eq!(
        check(&OriginPolicy::same_origin(true), "null", "null"),
        FOREIGN
    );
}

/// What browsers on Chromium's engine say of a page from a disk (RFC 6454 §4, §7.1), as Firefox says
/// `null`.
#[test]
fn hostile_029_a_page_from_a_disk_may_be_listed() {
    let listed = OriginPolicy::list(["file://"]).unwrap();
    assert_eq!(check(&listed, "example.com", "file://"), OK);
    for (origin, expected) in [
        ("null", FOREIGN),
        ("file://example.com", FOREIGN),
        ("https://", MALFORMED),
        ("://", MALFORMED),
        ("file://:80", MALFORMED),
        ("file:///", MALFORMED),
    ] {
        assert_eq!(check(&listed, "example.com", origin), expected, "{origin}");
    }
    let other = OriginPolicy::list(["https://example.com"]).unwrap();
    assert_eq!(check(&other, "example.com", "file://"), FOREIGN);
    let own = OriginPolicy::same_origin(true);
    assert_eq!(check(&own, "example.com", "file://"), FOREIGN);
}

#[test]
fn hostile_029_176_two_origins_never_come_to_a_policy() {
    let good = ("Origin", "https://example.com");
    for second in [good, ("oRIGIN", "https://evil.com"), ("origin", "")] {
        for lines in [[good, second], [second, good]] {
            let refused = with("example.com", &lines);
            assert_eq!(refused.unwrap_err(), HandshakeError::RequestOrigin);
        }
    }
    // The field of the drafts before the RFC, and fields that proxies add, mean nothing.
    let policy = OriginPolicy::same_origin(true);
    for name in [
        "Sec-WebSocket-Origin",
        "X-Forwarded-Host",
        "Referer",
        "X-Origin",
    ] {
        let request = with("example.com", &[(name, "https://example.com")]).unwrap();
        assert_eq!(request.check_origin(&policy), Err(OriginError::Missing));
        let evil = [("Origin", "https://evil.com"), (name, "https://evil.com")];
        let request = with("example.com", &evil).unwrap();
        assert_eq!(request.check_origin(&policy), FOREIGN);
    }
}

#[test]
fn clause_043_a_foreign_origin_is_refused_with_403_and_nothing_of_it_is_repeated() {
    let mut bytes = *b"GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\nOrigin: https://evil.example\r\n\r\n";
    let mut handshake = ServerHandshake::new(&Arc::default());
    let mut out = Vec::new();
    let request = handshake.receive(&mut &mut bytes[..], &mut out);
    let request = request.unwrap().unwrap();
    let error = request
        .check_origin(&OriginPolicy::same_origin(true))
        .unwrap_err();
    handshake.reject(&error.reject(), &mut out).unwrap();
    assert_eq!(
        out,
        b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    for error in [
        OriginError::Missing,
        OriginError::Malformed,
        OriginError::Foreign,
    ] {
        assert!(!error.to_string().contains("evil"));
    }
}
