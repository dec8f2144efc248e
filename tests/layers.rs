//! The layers: `proto` ← `endpoint` ← `web` ← `adapter`, and only the adapters know a system.
//!
//! This reads the sources as text. Paths are followed by name, so a macro could hide one; that no
//! system is linked below is proven by `tests/no_std.rs` as well.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// Lowest first. A layer may name itself and those before it.
const LAYERS: [&str; 4] = ["proto", "endpoint", "web", "adapter"];

/// Names at the start of a path that only an adapter may use.
const SYSTEM: [&str; 6] = ["std", "tokio", "futures", "mio", "rustls", "socket2"];

/// What of the system lower layers may share between connections, with feature `deflate`.
const SHARED: [&str; 4] = [
    "std::sync::Mutex",
    "std::sync::MutexGuard",
    "std::sync::OnceLock",
    "std::sync::PoisonError",
];

/// What else no lower layer may contain: a clock, entropy, sockets.
const FORBIDDEN: [&str; 7] = [
    "Instant::now",
    "SystemTime",
    "SysRng",
    "getrandom",
    "TcpStream",
    "UdpSocket",
    "UnixStream",
];

/// A file should be read in one sitting.
const MAX_LINES: usize = 550;

#[test]
fn no_source_names_an_upper_layer_or_the_system() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    assert!(files.len() > 20, "only {} sources found", files.len());
    let mut problems = Vec::new();
    for path in &files {
        let source = fs::read_to_string(path)?;
        let module = module_of(path.strip_prefix(&root).unwrap_or(path));
        for problem in check(&module, &source) {
            problems.push(format!("{}:{problem}", path.display()));
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    Ok(())
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// The path of the module that a file below `src` holds: `proto/mod.rs` is `["proto"]`.
fn module_of(file: &Path) -> Vec<String> {
    let file = file.with_extension("");
    let mut module: Vec<String> = file
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
        module.pop();
    }
    module
}

/// Something that is wrong with a source.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    line: usize,
    what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.what)
    }
}

/// All that is wrong with the source of a module.
fn check(module: &[String], source: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let lines = source.lines().count();
    if lines > MAX_LINES {
        let what = format!("{lines} lines are more than {MAX_LINES}");
        problems.push(Problem { line: lines, what });
    }
    // lib.rs joins the layers, whatever they are.
    let Some(layer) = module.first().and_then(|name| rank(name)) else {
        return problems;
    };
    let tokens = without_tests(&tokens(source));
    let is_adapter = LAYERS[layer] == "adapter";
    for path in paths(&tokens) {
        let mut report = |what: String| {
            let line = path.line;
            problems.push(Problem { line, what });
        };
        let shown = path.names.join("::");
        if let Some(target) = resolve(module, &path)
            && let Some(upper) = rank(target)
            && upper > layer
        {
            report(format!("`{shown}` names {target} from {}", LAYERS[layer]));
        }
        if is_adapter || SHARED.contains(&shown.as_str()) {
            continue;
        }
        let first = path.names.first().map_or("", String::as_str);
        if SYSTEM
            .iter()
            .any(|name| first == *name || first.starts_with(&format!("{name}_")))
        {
            report(format!("`{shown}` below the adapters"));
        }
        if let Some(name) = FORBIDDEN.iter().find(|name| contains(&path.names, name)) {
            report(format!("`{name}` below the adapters"));
        }
    }
    problems
}

fn rank(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| *layer == name)
}

/// Whether names stand in a path one behind the other.
fn contains(path: &[String], names: &str) -> bool {
    let names: Vec<&str> = names.split("::").collect();
    path.windows(names.len()).any(|window| window == names)
}

/// The module right below the crate's root that a path leads to, if it is a path of this crate.
fn resolve<'a>(module: &'a [String], path: &'a Spelled) -> Option<&'a str> {
    let names = &path.names;
    let supers = names.iter().take_while(|name| *name == "super").count();
    if names
        .first()
        .is_some_and(|name| name == "crate" || name == "sansock")
    {
        return names.get(1).map(String::as_str);
    }
    if supers == 0 {
        return None;
    }
    // A module inside the file is one step further from the root.
    let depth = (module.len() + path.depth).checked_sub(supers)?;
    match module.get(..depth) {
        Some([]) => names.get(supers).map(String::as_str),
        Some([first, ..]) => Some(first),
        None => None,
    }
}

/// A path as it is spelled, with the groups of a `use` written out.
#[derive(Debug, PartialEq, Eq)]
struct Spelled {
    names: Vec<String>,
    /// How many modules of the file it stands in.
    depth: usize,
    line: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    text: String,
    line: usize,
}

/// Names, `::` and single other characters; no comments, no contents of literals.
fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let name = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let taken = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            comment(rest)
        } else if let Some(len) = literal(rest) {
            len
        } else if name > 0 {
            name
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (text, behind) = rest.split_at(taken);
        let is_token = !text.starts_with("//") && !text.starts_with("/*");
        if is_token && !first.is_whitespace() && literal(rest).is_none() {
            let text = text.to_owned();
            tokens.push(Token { text, line });
        }
        line += text.matches('\n').count();
        rest = behind;
    }
    tokens
}

/// The length of the block comment that starts here; they nest.
fn comment(source: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < source.len() {
        let rest = &source[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// The length of the string or character literal that starts here, if one does.
fn literal(source: &str) -> Option<usize> {
    let prefixed = source.strip_prefix(['b', 'c']).unwrap_or(source);
    let prefix = source.len() - prefixed.len();
    if let Some(raw) = prefixed.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if let Some(body) = raw[hashes..].strip_prefix('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let len = body.find(&end).map_or(body.len(), |at| at + end.len());
            return Some(prefix + 1 + hashes + 1 + len);
        }
    }
    let quote = prefixed
        .chars()
        .next()
        .filter(|c| matches!(c, '"' | '\''))?;
    let mut chars = prefixed.char_indices().skip(1);
    let mut len = 0;
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            c if c == quote => return Some(prefix + at + 1),
            // 'a is a lifetime where no quote follows its first character.
            _ if quote == '\'' && len == 1 => return None,
            _ => {}
        }
        len += 1;
    }
    None
}

/// Leaves out what only tests compile: `#[cfg(test)]` and the item behind it.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let is_test = |at: usize| {
        let attribute = ["#", "[", "cfg", "(", "test", ")", "]"];
        let found = tokens.get(at..at + attribute.len());
        found.is_some_and(|found| found.iter().map(|t| &t.text[..]).eq(attribute))
    };
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !is_test(at) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        // The item ends with its block, or with a semicolon outside of all brackets.
        let mut depth = 0usize;
        at += 7;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token.text.as_str() {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && matches!(token.text.as_str(), "}" | ";") {
                break;
            }
        }
    }
    kept
}

/// Every path of at least two names, and every `use`d or `extern crate` name.
fn paths(tokens: &[Token]) -> Vec<Spelled> {
    let mut paths = Vec::new();
    let mut at = 0;
    // The depths of brackets at which modules of the file began.
    let (mut modules, mut brackets) = (Vec::new(), 0usize);
    let text = |at: usize| {
        tokens
            .get(at)
            .map_or("", |token: &Token| token.text.as_str())
    };
    while at < tokens.len() {
        match text(at) {
            "{" => {
                if at >= 2 && text(at - 2) == "mod" {
                    modules.push(brackets);
                }
                brackets += 1;
            }
            "}" => {
                brackets = brackets.saturating_sub(1);
                if modules.last() == Some(&brackets) {
                    modules.pop();
                }
            }
            // `use<…>` in a type names lifetimes.
            "use" if text(at + 1) != "<" => {
                at = tree(tokens, at + 1, &[], modules.len(), &mut paths);
                continue;
            }
            "crate" if at > 0 && text(at - 1) == "extern" => {
                let names = vec![text(at + 1).to_owned()];
                let (depth, line) = (modules.len(), tokens[at].line);
                paths.push(Spelled { names, depth, line });
            }
            // `::std::…` starts with what follows the colons.
            name if is_name(name)
                && text(at + 1) == "::"
                && !(at > 0 && text(at - 1) == "::" && at > 1 && is_name(text(at - 2))) =>
            {
                let (line, mut names) = (tokens[at].line, vec![name.to_owned()]);
                while text(at + 1) == "::" && is_name(text(at + 2)) {
                    names.push(text(at + 2).to_owned());
                    at += 2;
                }
                let depth = modules.len();
                paths.push(Spelled { names, depth, line });
            }
            _ => {}
        }
        at += 1;
    }
    paths
}

/// Reads one branch of a `use`, and returns where it ends.
fn tree(
    tokens: &[Token],
    mut at: usize,
    prefix: &[String],
    depth: usize,
    paths: &mut Vec<Spelled>,
) -> usize {
    let mut names = prefix.to_vec();
    let line = tokens.get(at).map_or(0, |token| token.line);
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token.text != "}") {
                    at = tree(tokens, at, &names, depth, paths);
                    if tokens.get(at).is_some_and(|token| token.text == ",") {
                        at += 1;
                    }
                }
                return at + 1;
            }
            "as" => at += 1,
            "," | ";" | "}" => break,
            name if is_name(name) => names.push(name.to_owned()),
            _ => {}
        }
        at += 1;
    }
    paths.push(Spelled { names, depth, line });
    at
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// What is wrong with `source` as the module `a::b`.
#[cfg(test)]
fn problems(module: &str, source: &str) -> Vec<String> {
    let module: Vec<String> = module.split("::").map(str::to_owned).collect();
    let found = check(&module, source);
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn a_path_up_is_found_however_it_is_spelled() {
    let sources = [
        ("proto::frame", "use crate::endpoint::Endpoint;"),
        ("proto::frame", "use crate::{proto::Role, endpoint};"),
        (
            "proto::frame",
            "use crate::{\n    proto::{Role, State},\n    endpoint::{Outbox},\n};",
        ),
        (
            "proto::frame",
            "pub(crate) use super::super::adapter as lower;",
        ),
        ("proto", "use super::endpoint::Endpoint;"),
        ("proto", "use super::{web, proto};"),
        ("proto::frame", "fn f(e: &crate::endpoint::Endpoint) {}"),
        ("proto::frame", "fn f() { super::super::adapter::run() }"),
        ("proto::frame", "fn f() -> Vec<crate::adapter::Error> {}"),
        (
            "proto::handshake::head",
            "use super::super::super::web::WebSocket;",
        ),
        (
            "proto::frame",
            "mod inner { use super::super::super::web::X; }",
        ),
        ("endpoint", "use crate::adapter::blocking::Socket;"),
        ("endpoint::outbox", "impl Into<crate::web::Event> for X {}"),
        ("web::target", "use crate::adapter;"),
        ("proto::frame", "use sansock::adapter::Error;"),
        (
            "proto::frame",
            "#[cfg(feature = \"std\")] use crate::adapter;",
        ),
    ];
    for (module, source) in sources {
        let found = problems(module, source);
        assert_eq!(found.len(), 1, "{module}: {source}: {found:?}");
        assert!(found[0].contains(" names "), "{found:?}");
    }
}

#[test]
fn the_system_below_the_adapters_is_found() {
    let sources = [
        ("proto", "use std::vec::Vec;"),
        ("proto", "use ::std::vec::Vec;"),
        ("proto", "extern crate std;"),
        ("endpoint", "fn f() { std::thread::yield_now() }"),
        ("endpoint", "fn f() { ::std::thread::yield_now() }"),
        ("web::stream", "use tokio::io::AsyncRead;"),
        ("web::stream", "use tokio;"),
        ("web::stream", "use futures_core::Stream;"),
        ("web::stream", "use {alloc::vec::Vec, mio::Poll};"),
        ("proto", "fn f() { Instant::now(); }"),
        ("proto", "fn f() { time::Instant::now(); }"),
        ("proto", "use rand::rngs::SysRng;"),
        ("proto", "use net::TcpStream;"),
    ];
    for (module, source) in sources {
        let found = problems(module, source);
        assert_eq!(found.len(), 1, "{module}: {source}: {found:?}");
        assert!(found[0].contains(" below the adapters"), "{found:?}");
    }
}

#[test]
fn what_is_allowed_is_not_found() {
    let sources = [
        (
            "proto::frame",
            "use super::close::CloseCode; use crate::proto::Role; use core::mem;",
        ),
        ("proto::frame", "use crate::{Config, proto::{Role, frame}};"),
        (
            "proto::handshake::head",
            "use super::super::frame; fn f() { super::syntax::list() }",
        ),
        (
            "endpoint",
            "use crate::proto::{self, Event}; use alloc::vec::Vec;",
        ),
        (
            "endpoint",
            "mod tests { use super::*; use super::outbox::Outbox; }",
        ),
        ("web", "use crate::endpoint::Endpoint;"),
        (
            "adapter::tokio",
            "use std::io; use ::tokio::net::TcpStream; use crate::web::X;",
        ),
        ("adapter::clock", "fn now() { time::Instant::now() }"),
        (
            "proto",
            "// use crate::adapter;\n/// [`std::io`]\n/* std::io /* crate::web */ x */",
        ),
        (
            "proto",
            "const A: &str = \"crate::adapter\"; const B: &[u8] = br#\"use std::io;\"#;",
        ),
        (
            "proto",
            "fn f<'a>(a: &'a str) { let quote = '\"'; } // std::io \"",
        ),
        (
            "proto",
            "#[cfg(test)] extern crate std; #[cfg(test)]\nmod tests { use std::vec; }",
        ),
        (
            "proto",
            "#[cfg(test)] use crate::adapter; fn f(a: [u8; 2]) {}",
        ),
        (
            "proto::frame",
            "fn f(adapter: u8, endpoint: Standard) { my_std::x(); a.std() }",
        ),
        (
            "endpoint",
            "fn f() -> impl Clone + use<'_> { loop {} } use crate::proto;",
        ),
        ("proto", "struct Instant; impl Instant { fn now(self) {} }"),
    ];
    for (module, source) in sources {
        assert!(
            problems(module, source).is_empty(),
            "{module}: {source}: {:?}",
            problems(module, source)
        );
    }
}

#[test]
fn tests_are_left_out_and_nothing_behind_them() {
    let source = "#[cfg(test)]\nmod tests {\n use std::vec;\n}\nuse std::io;";
    assert_eq!(
        problems("proto", source),
        ["5: `std::io` below the adapters"]
    );
    let source = "#[cfg(test)]\nuse std::{vec, io};\nuse crate::web;";
    assert_eq!(
        problems("proto", source),
        ["3: `crate::web` names web from proto"]
    );
}

#[test]
fn a_long_file_is_found() {
    assert!(problems("lib", &"\n".repeat(MAX_LINES)).is_empty());
    assert_eq!(problems("lib", &"\n".repeat(MAX_LINES + 1)).len(), 1);
}

#[test]
fn modules_are_named_by_their_files() {
    let named = |file: &str| module_of(Path::new(file)).join("::");
    assert_eq!(named("lib.rs"), "");
    assert_eq!(named("proto/mod.rs"), "proto");
    assert_eq!(named("proto/handshake/head.rs"), "proto::handshake::head");
}
