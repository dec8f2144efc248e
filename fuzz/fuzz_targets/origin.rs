//! A server's policy over any `Origin`, beside any `Host`, against what a browser takes for the
//! same.
//!
//! Whatever is let in is an origin that the package `url`, which parses as browsers do, takes for
//! one of those listed or for the server's own; and whatever is written as browsers write it and is
//! listed is let in.
//!
//! ```text
//!  input   flags │ Origin \n Host \n listed \n listed …
//! ```
#![no_main]
#![forbid(unsafe_code)]

use libfuzzer_sys::fuzz_target;
use sansock::proto::handshake::{HttpVersion, OriginError, OriginPolicy, Request};
use url::{Origin, Url};

fuzz_target!(|data: &[u8]| {
    let Some((&flags, text)) = data.split_first() else {
        return;
    };
    let mut lines = text.split(|byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (origin, host) = (line(), line());
    let headers = [
        ("Host", host),
        ("Upgrade", b"websocket"),
        ("Connection", b"Upgrade"),
        ("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", b"13"),
        ("Origin", origin),
    ];
    let has_origin = flags & 1 == 0;
    let headers = &headers[..headers.len() - usize::from(!has_origin)];
    let headers = headers.iter().copied();
    let Ok(request) = Request::from_parts("GET", "/", HttpVersion::Http11, headers) else {
        return;
    };
    let secure = flags & 2 != 0;
    let listed: Vec<&str> = lines
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    let allow_missing = flags & 4 != 0;

    assert_eq!(request.check_origin(&OriginPolicy::any()), Ok(()));
    let policy = OriginPolicy::same_origin(secure).allow_missing(allow_missing);
    let own = std::str::from_utf8(host)
        .ok()
        .map(|host| format!("{}://{host}", if secure { "https" } else { "http" }));
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    check(
        has_origin,
        origin,
        &own,
        allow_missing,
        request.check_origin(&policy),
    );
    if let Ok(policy) = OriginPolicy::list(&listed) {
        let policy = policy.allow_missing(allow_missing);
        check(
            has_origin,
            origin,
            &listed,
            allow_missing,
            request.check_origin(&policy),
        );
    }
});

fn check(
    has_origin: bool,
    origin: &[u8],
    allowed: &[&str],
    allow_missing: bool,
    result: Result<(), OriginError>,
) {
    if !has_origin {
        let expected = if allow_missing {
            Ok(())
        } else {
            Err(OriginError::Missing)
        };
        assert_eq!(result, expected);
        return;
    }
    let Ok(origin) = std::str::from_utf8(origin) else {
        assert_eq!(result, Err(OriginError::Malformed));
        return;
    };
    let same = |one: &&str| is_same(origin, one);
    match result {
        Ok(()) => assert!(allowed.iter().any(same), "{origin} is none of {allowed:?}"),
        Err(_) if is_serialised(origin) => {
            let listed = allowed.iter().filter(|it| is_serialised(it));
            assert!(!listed.into_iter().any(same), "{origin} is in {allowed:?}");
        }
        Err(OriginError::Missing) => panic!("it is there"),
        Err(_) => {}
    }
}

/// Whether a browser takes two for the same; `null` is listed by that name, and other schemes are
/// compared as they are written.
fn is_same(one: &str, other: &str) -> bool {
    if one.eq_ignore_ascii_case(other) {
        return true;
    }
    match (parse(one), parse(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// Whether it is written as a browser writes it.
fn is_serialised(origin: &str) -> bool {
    parse(origin).is_some_and(|parsed| parsed.ascii_serialization() == origin)
}

fn parse(origin: &str) -> Option<Origin> {
    let parsed = Url::parse(origin).ok()?.origin();
    parsed.is_tuple().then_some(parsed)
}
