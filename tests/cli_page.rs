//! The page that `sansock serve` gives to browsers, as its users see it: in a headless Chromium, by
//! mouse and keys. Where no Chromium is installed this says so and tests nothing, but fails where
//! `CI=true`. The pictures of the pages are left in the build directory, to look at.
#![cfg(feature = "cli")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "these helpers are part of tests"
)]

#[path = "browser/chromium.rs"]
mod chromium;
mod cli;
#[path = "browser/devtools.rs"]
mod devtools;
mod program;

use std::{fs, path::Path, sync::Arc};

use chromium::{Browser, chromium};
use cli::sansock;
use devtools::{OPTIONS, Page};
use program::Program;
use sansock::adapter::blocking;

/// How many pixels of a chart are as `--accent` is in the light.
const INKED: &str = "(id) => { const canvas = document.getElementById(id); \
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height); \
    let count = 0; for (let at = 0; at < data.length; at += 4) count += \
    data[at] === 13 && data[at + 1] === 118 && data[at + 2] === 110; return count; }";

#[test]
fn the_page_talks_to_the_server_and_shows_what_happens() {
    let Some(program) = chromium() else { return };
    let (_server, address) = serve(&["--deflate"]);
    let mut page = open(program, "echo", &address);
    assert_eq!(page.text("#state"), "CLOSED");
    assert_eq!(
        page.evaluate("document.getElementById('url').value"),
        format!("ws://{address}/")
    );
    assert_eq!(page.evaluate(&format!("({INKED})('rtt-chart')")), "0");

    page.fill("#protocols", "a, b");
    page.click("#open");
    page.wait_for("document.getElementById('state').textContent === 'OPEN'");
    assert_eq!(page.text("#readyState"), "1, OPEN");
    assert_eq!(page.text("#protocol"), "a");
    assert!(page.text("#extensions").starts_with("permessage-deflate"));
    assert_eq!(page.text("#open"), "Disconnect");

    page.fill("#text", "grüß Gott");
    page.press_enter();
    page.wait_for("!!document.querySelector('#log .received')");
    assert_eq!(page.text("#log .sent span:nth-child(3)"), "grüß Gott");
    assert_eq!(page.text("#log .received span:nth-child(3)"), "grüß Gott");
    assert!(page.text("#log .received small").ends_with(" ms"));
    page.wait_for("document.getElementById('rtt').textContent.startsWith('median ')");
    page.wait_for(&format!(
        "({INKED})('rtt-chart') > 0 && ({INKED})('rate-chart') > 0"
    ));

    page.fill("#length", "3000");
    page.click("#bytes button");
    page.wait_for("document.querySelectorAll('#log .received').length === 2");
    page.wait_for("document.getElementById('received').textContent === '2 messages, 3.01 kB'");

    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("LICENSE-MIT");
    page.choose("#file", &file);
    page.wait_for("document.querySelectorAll('#log .received').length === 3");
    assert_eq!(
        page.text("#log .sent:nth-last-child(2) span:nth-child(3)"),
        "file LICENSE-MIT"
    );
    assert!(
        page.text("#log .received:last-child small")
            .ends_with(" ms")
    );

    page.click("#run");
    page.wait_for("document.getElementById('run').textContent === 'Stop load'");
    page.wait_for("totals.received[0] > 1000");
    page.wait_for("buckets.filter((one) => one.count).length > 30");
    picture(&mut page, "echo-light.png");
    let dark = r#""features":[{"name":"prefers-color-scheme","value":"dark"}]"#;
    page.call("Emulation.setEmulatedMedia", dark);
    assert_eq!(
        page.evaluate("getComputedStyle(document.body).backgroundColor"),
        "rgb(16, 22, 27)"
    );
    page.wait_for(&format!("({INKED})('rtt-chart') === 0"));
    picture(&mut page, "echo-dark.png");
    page.call("Emulation.setEmulatedMedia", r#""features":[]"#);
    let phone = r#""width":360,"height":740,"deviceScaleFactor":2,"mobile":true"#;
    page.call("Emulation.setDeviceMetricsOverride", phone);
    page.wait_for("innerWidth === 360 && document.documentElement.scrollWidth === 360");
    picture(&mut page, "echo-phone.png");
    page.call("Emulation.clearDeviceMetricsOverride", "");
    page.click("#run");
    page.wait_for("document.getElementById('run').textContent === 'Start load'");
    page.wait_for("totals.sent[0] === totals.received[0]");
    assert_eq!(
        page.evaluate("document.querySelectorAll('#log .received').length"),
        "3"
    );

    // A code that pages may not send, a reason that is too long, and then one of each.
    page.fill("#code", "1001");
    page.click("#closing button");
    page.wait_for("document.querySelector('#log .failed')?.textContent.includes('1001')");
    assert_eq!(page.text("#state"), "OPEN");
    page.fill("#code", "4001");
    page.fill("#reason", "done here");
    page.click("#closing button");
    page.wait_for("document.getElementById('state').textContent === 'CLOSED'");
    assert_eq!(page.text("#closed"), "4001, clean");
    assert_eq!(
        page.evaluate("document.querySelector('#texts button').disabled"),
        "true"
    );

    // And once more, by the first button alone.
    page.click("#open");
    page.wait_for("document.getElementById('state').textContent === 'OPEN'");
    page.click("#open");
    page.wait_for("document.getElementById('closed').textContent === '1000, clean'");
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn the_page_talks_over_every_adapter() {
    let Some(program) = chromium() else { return };
    let mut page = open(program, "adapters", &serve(&[]).1);
    for adapter in ["tokio", "blocking", "futures", "mio"] {
        for (arguments, http, ws) in [(&[][..], "http", "ws"), (&["--tls"], "https", "wss")] {
            let (_server, address) = serve(&[&["--adapter", adapter], arguments].concat());
            page.call("Page.navigate", &format!(r#""url":"{http}://{address}/""#));
            page.wait_for(&format!(
                "document.getElementById('url')?.value === '{ws}://{address}/'"
            ));
            page.click("#open");
            page.wait_for("document.getElementById('state').textContent === 'OPEN'");
            page.fill("#text", "hello");
            page.click("#texts button");
            page.wait_for("!!document.querySelector('#log .received')");
            assert_eq!(
                page.text("#log .received span:nth-child(3)"),
                "hello",
                "{adapter}"
            );
        }
    }
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn the_page_is_a_room_where_the_server_is_a_chat() {
    let Some(program) = chromium() else { return };
    let (_server, address) = serve(&["--chat"]);
    let (mut other, _) = blocking::connect(&format!("ws://{address}/"), &Arc::default()).unwrap();
    let mut page = open(program, "chat", &address);
    assert_eq!(page.text("#serves"), "a chat: what one writes, all read");
    assert_eq!(
        page.evaluate("getComputedStyle(document.getElementById('load')).display"),
        "none"
    );
    page.click("#open");
    page.wait_for("document.getElementById('state').textContent === 'OPEN'");
    page.fill("#text", "hello from the page");
    page.press_enter();
    let mut line = || other.recv().unwrap().unwrap().as_text().unwrap().to_owned();
    assert_eq!(line(), "* guest 1 is here");
    assert_eq!(line(), "* guest 2 is here");
    assert_eq!(line(), "guest 2: hello from the page");
    let hostile = "<img src=x onerror=alert(1)>\u{202E}";
    other.send(hostile).unwrap();
    page.wait_for("document.querySelectorAll('#log .received').length === 3");
    let last = page.text("#log .received:last-child span:nth-child(3)");
    assert_eq!(last, format!("guest 1: {hostile}"));
    assert_eq!(
        page.evaluate("document.querySelectorAll('#log img').length"),
        "0"
    );
    page.wait_for("document.getElementById('rtt').textContent.startsWith('median ')");
    assert_eq!(page.evaluate("document.getElementById('text').value"), "");
    picture(&mut page, "chat.png");
    assert_eq!(page.complaints, [""; 0]);
}

/// A server and its address.
fn serve(arguments: &[&str]) -> (Program, String) {
    let mut program = sansock(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat());
    let line = program.line();
    let address = line.strip_prefix("listening on ").expect(&line);
    let (address, _) = address.split_once(": ").expect(&line);
    (program, address.to_owned())
}

fn open(program: &str, name: &str, address: &str) -> Page {
    let name = format!("page-{name}");
    let url = format!("http://{address}/");
    let mut page = Page::of(Browser::start(program, &name, &OPTIONS, &url));
    page.wait_for("document.readyState === 'complete' && location.protocol === 'http:'");
    page
}

fn picture(page: &mut Page, name: &str) {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    fs::create_dir_all(&directory).unwrap();
    let picture = page.screenshot();
    assert!(picture.starts_with(b"\x89PNG\r\n"));
    fs::write(directory.join(name), picture).unwrap();
}
