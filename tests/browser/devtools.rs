//! A page in a browser, driven as a user does: by mouse and keys, over the browser's own WebSocket
//! (the Chrome DevTools Protocol). Our client speaks it, so that Chromium is a server here.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    sync::Arc,
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use sansock::{
    Config,
    adapter::{MaybeTls, blocking},
};

use crate::chromium::Browser;

/// How often to look whether something has become true.
const PAUSE: Duration = Duration::from_millis(20);

/// What the browser must be told so that pages can be driven.
pub(crate) const OPTIONS: [&str; 3] = [
    "--remote-debugging-port=0",
    "--window-size=1280,960",
    "--ignore-certificate-errors",
];

/// A page of a browser.
pub(crate) struct Page {
    browser: Browser,
    socket: blocking::Socket<MaybeTls<TcpStream>>,
    calls: u32,
    /// What went wrong on the page, as the browser tells it.
    pub(crate) complaints: Vec<String>,
}

impl Page {
    /// The only page of a browser that was started with [`OPTIONS`].
    pub(crate) fn of(mut browser: Browser) -> Self {
        let file = browser.profile().join("DevToolsActivePort");
        let url = loop {
            browser.check("no page to drive");
            let port = fs::read_to_string(&file).unwrap_or_default();
            if let Some(url) = port.lines().next().and_then(page_of) {
                break url;
            }
            thread::sleep(PAUSE);
        };
        let (socket, _) = blocking::connect(&url, &Arc::new(Config::default())).unwrap();
        let mut page = Self {
            browser,
            socket,
            calls: 0,
            complaints: Vec::new(),
        };
        page.call("Runtime.enable", "");
        page.call("Log.enable", "");
        page
    }

    /// Calls a method with the members of its parameters, and returns all of its answer.
    pub(crate) fn call(&mut self, method: &str, members: &str) -> String {
        self.calls += 1;
        let id = self.calls;
        let call = format!(r#"{{"id":{id},"method":"{method}","params":{{{members}}}}}"#);
        self.socket.send(call).unwrap();
        let start = format!(r#"{{"id":{id},"#);
        loop {
            let message = self.socket.recv().unwrap().unwrap();
            let text = message.as_text().unwrap();
            if text.starts_with(&start) {
                assert!(!text.contains(r#""error":"#), "{method}: {text}");
                return text.to_owned();
            }
            if text.contains("Runtime.exceptionThrown") || text.contains(r#""level":"error""#) {
                self.complaints.push(text.to_owned());
            }
        }
    }

    /// What an expression is on the page, as a text.
    pub(crate) fn evaluate(&mut self, expression: &str) -> String {
        // Characters of any kind come as base64, and go so.
        let expression = STANDARD.encode(format!("String({expression})"));
        let members = format!(
            r#""expression":"btoa(String.fromCharCode(...new TextEncoder().encode(eval(new TextDecoder().decode(Uint8Array.from(atob('{expression}'), (c) => c.charCodeAt(0)))))))","allowUnsafeEvalBlockedByCSP":true"#
        );
        let answer = self.call("Runtime.evaluate", &members);
        assert!(!answer.contains("exceptionDetails"), "{answer}");
        let value = answer.split(r#""value":""#).nth(1).unwrap_or_default();
        let value = value.split('"').next().unwrap_or_default();
        String::from_utf8(STANDARD.decode(value).unwrap()).unwrap()
    }

    /// Waits until an expression is true.
    pub(crate) fn wait_for(&mut self, expression: &str) {
        while self.evaluate(expression) != "true" {
            self.browser.check(expression);
            thread::sleep(PAUSE);
        }
    }

    /// The text of the element that a selector finds.
    pub(crate) fn text(&mut self, selector: &str) -> String {
        self.evaluate(&format!("document.querySelector('{selector}').textContent"))
    }

    /// Clicks in the middle of an element.
    pub(crate) fn click(&mut self, selector: &str) {
        let place = self.evaluate(&format!(
            "(() => {{ const it = document.querySelector('{selector}'); \
             it.scrollIntoView({{ block: 'center' }}); const box = it.getBoundingClientRect(); \
             return `\"x\":${{box.x + box.width / 2}},\"y\":${{box.y + box.height / 2}}`; }})()"
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let members = format!(r#""type":"{kind}",{place},"button":"left","clickCount":1"#);
            self.call("Input.dispatchMouseEvent", &members);
        }
    }

    /// Types over what stands in a field.
    pub(crate) fn fill(&mut self, selector: &str, text: &str) {
        self.click(selector);
        self.evaluate(&format!("document.querySelector('{selector}').select()"));
        self.call("Input.insertText", &format!(r#""text":"{text}""#));
    }

    /// Chooses a file in a field for files.
    pub(crate) fn choose(&mut self, selector: &str, file: &Path) {
        self.call("DOM.getDocument", r#""depth":0"#);
        // The document itself is number 1.
        let members = format!(r#""nodeId":1,"selector":"{selector}""#);
        let answer = self.call("DOM.querySelector", &members);
        let node = answer.split(r#""nodeId":"#).nth(1).unwrap_or_default();
        let node = node.split('}').next().unwrap_or_default();
        let file = file.display();
        let members = format!(r#""nodeId":{node},"files":["{file}"]"#);
        self.call("DOM.setFileInputFiles", &members);
    }

    pub(crate) fn press_enter(&mut self) {
        for kind in ["keyDown", "keyUp"] {
            let members = format!(
                r#""type":"{kind}","key":"Enter","code":"Enter","windowsVirtualKeyCode":13,"text":"\r""#
            );
            self.call("Input.dispatchKeyEvent", &members);
        }
    }

    /// A picture of the page, as PNG.
    pub(crate) fn screenshot(&mut self) -> Vec<u8> {
        let answer = self.call("Page.captureScreenshot", r#""captureBeyondViewport":true"#);
        let data = answer.split(r#""data":""#).nth(1).unwrap_or_default();
        STANDARD
            .decode(data.split('"').next().unwrap_or_default())
            .unwrap()
    }
}

/// The WebSocket of the first page that the browser behind `port` lists.
fn page_of(port: &str) -> Option<String> {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).ok()?;
    let request = "GET /json/list HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    let mut list = Vec::new();
    // The browser may leave the connection open.
    let _ = stream.read_to_end(&mut list);
    let list = String::from_utf8_lossy(&list);
    let path = &list[list.find("/devtools/page/")?..];
    Some(format!("ws://127.0.0.1:{port}{}", path.split('"').next()?))
}
