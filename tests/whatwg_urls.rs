//! The constructor's checks, without a connection (requirements 1 to 7 and 15; lines 52, 53, 55 and
//! 60 of `tests/WHATWG.md`).

use sansock::web::{Location, Protocols, SyntaxError, is_bad_port};

/// The URL as it is understood, or what is wrong with it.
fn parse(url: &str, base: Option<&str>) -> Result<String, SyntaxError> {
    Location::parse(url, base).map(|location| location.as_str().to_owned())
}

#[test]
fn b_create_invalid_urls_and_odd_ones_that_are_valid() {
    for (url, error) in [
        ("", SyntaxError::Url),
        ("/test", SyntaxError::Url),
        ("ws://foo bar.com/", SyntaxError::Url),
        ("ws://a b/", SyntaxError::Url),
        ("ws://127.0.0.1:65536/", SyntaxError::Url),
        ("ws://[::1/", SyntaxError::Url),
        ("ws://", SyntaxError::Url),
        ("ftp://127.0.0.1/", SyntaxError::Scheme),
        ("mailto:a@b.example", SyntaxError::Scheme),
        ("about:blank", SyntaxError::Scheme),
        ("wsx://127.0.0.1/", SyntaxError::Scheme),
        ("ws://127.0.0.1/echo#", SyntaxError::Fragment),
        ("wss://127.0.0.1/echo?q#f", SyntaxError::Fragment),
        ("https://127.0.0.1/#f", SyntaxError::Fragment),
    ] {
        assert_eq!(parse(url, None), Err(error), "{url:?}");
    }
    for (url, understood) in [
        ("ws:a.example", "ws://a.example/"),
        ("ws:/a.example", "ws://a.example/"),
        ("ws:///a.example", "ws://a.example/"),
        ("ws://a.example:80/", "ws://a.example/"),
        ("wss://a.example:443", "wss://a.example/"),
        ("ws://a.example:443/", "ws://a.example:443/"),
        ("wss://a.example:80/", "wss://a.example:80/"),
    ] {
        assert_eq!(parse(url, None).as_deref(), Ok(understood), "{url}");
    }
}

#[test]
fn b_create_http_urls_and_non_absolute_urls() {
    let base = Some("https://user@A.Example:8443/dir/page?q#f");
    for (url, base, understood) in [
        ("http://a.example/x", None, "ws://a.example/x"),
        ("https://a.example/x", None, "wss://a.example/x"),
        ("HTTP://a.example:80/", None, "ws://a.example/"),
        ("https://a.example:80/", None, "wss://a.example:80/"),
        (
            "",
            Some("http://a.example/dir/page?q"),
            "ws://a.example/dir/page?q",
        ),
        ("test", base, "wss://user@a.example:8443/dir/test"),
        ("/", base, "wss://user@a.example:8443/"),
        ("../up", base, "wss://user@a.example:8443/up"),
        ("?test", base, "wss://user@a.example:8443/dir/page?test"),
        ("//b.example/x", base, "wss://b.example/x"),
        ("ws://b.example", base, "ws://b.example/"),
    ] {
        assert_eq!(parse(url, base).as_deref(), Ok(understood), "{url}");
    }
    for url in ["#", "#test", "?q#"] {
        assert_eq!(parse(url, base), Err(SyntaxError::Fragment), "{url}");
    }
    // A base that no relative URL can stand on.
    assert_eq!(parse("test", Some("mailto:a@b")), Err(SyntaxError::Url));
}

#[test]
fn b_url_and_create_url_with_windows_1252() {
    for (url, understood) in [
        ("ws://a.example:8080", "ws://a.example:8080/"),
        ("WS://A.EXAMPLE/Path", "ws://a.example/Path"),
        (
            "ws://a.example/test?foo%20bar baz",
            "ws://a.example/test?foo%20bar%20baz",
        ),
        ("ws://a.example/?ß", "ws://a.example/?%C3%9F"),
        ("ws://a.example/ä b", "ws://a.example/%C3%A4%20b"),
        ("ws://a.example/?a\0b\0", "ws://a.example/?a%00b"),
        ("ws://a.example/a/./b/../c", "ws://a.example/a/c"),
        ("  ws://a.ex\tample/x\n", "ws://a.example/x"),
        ("ws://bücher.example/", "ws://xn--bcher-kva.example/"),
        ("ws://0x7F.1/", "ws://127.0.0.1/"),
        ("ws://[0:0::1]:80/", "ws://[::1]/"),
    ] {
        assert_eq!(parse(url, None).as_deref(), Ok(understood), "{url:?}");
    }
}

#[test]
fn b_opening_handshake_003_origins_and_hosts() {
    for (url, origin, host, port) in [
        ("ws://A.example:80/x?q", "ws://a.example", "a.example", 80),
        (
            "wss://user@a.example:8443",
            "wss://a.example:8443",
            "a.example",
            8443,
        ),
        (
            "http://bücher.example/",
            "ws://xn--bcher-kva.example",
            "xn--bcher-kva.example",
            80,
        ),
        ("wss://[::1]/", "wss://[::1]", "::1", 443),
    ] {
        let location = Location::parse(url, None).unwrap();
        assert_eq!(location.origin(), origin);
        assert_eq!((location.host(), location.port()), (host, port), "{url}");
    }
}

#[test]
fn b_constructor_021_each_character_of_a_subprotocol() {
    let separators = "()<>@,;:\\\"/[]?={} \t";
    for byte in 0..=0xFF {
        let c = char::from(byte);
        let is_token = c.is_ascii_graphic() && !separators.contains(c);
        for name in [format!("{c}"), format!("a{c}b")] {
            let expected = if is_token {
                Ok(())
            } else {
                Err(SyntaxError::Protocol)
            };
            let protocols = Protocols::from(name.as_str());
            assert_eq!(protocols.check(), expected, "{name:?}");
        }
    }
}

#[test]
fn b_create_asciisep_nonascii_repeated_and_empty_subprotocols() {
    for name in ["", "ec ho", "/echo", "\u{80}echo", "eché", "foobar, foobar"] {
        let protocols = Protocols::from(name);
        assert_eq!(protocols.check(), Err(SyntaxError::Protocol), "{name:?}");
    }
    for names in [["echo", "echo"], ["echo", "eCho"], ["ECHO", "echo"]] {
        let protocols = Protocols::from(names);
        assert_eq!(protocols.check(), Err(SyntaxError::RepeatedProtocol));
    }
    assert_eq!(Protocols::none().check(), Ok(()));
    assert_eq!(Protocols::from(["echo", "chat"]).check(), Ok(()));
}

/// What Fetch calls bad ports.
const BAD_PORTS: [u16; 83] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101,
    102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427,
    465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990,
    993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667,
    6668, 6669, 6679, 6697, 10080,
];

#[test]
fn b_create_blocked_port_all_of_them() {
    let bad: Vec<u16> = (0..=u16::MAX).filter(|port| is_bad_port(*port)).collect();
    assert_eq!(bad, BAD_PORTS);
}
