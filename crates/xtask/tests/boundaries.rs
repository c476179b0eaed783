//! What may depend on what, and what the repository may hold: the invariants of
//! `docs/architecture.md`, checked.

#![expect(clippy::print_stdout, reason = "what is skipped is said")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

/// The crates without I/O.
const PURE: [&str; 4] = [
    "steelyard-types",
    "steelyard-policy",
    "steelyard-router",
    "steelyard-provider-adapter",
];
/// What those must not reach.
const IO: [&str; 7] = [
    "tokio", "axum", "reqwest", "hyper", "mio", "socket2", "notify",
];
/// What the gateway is built on.
const EDGE: [&str; 8] = [
    "tokio",
    "axum",
    "reqwest",
    "serde",
    "moka",
    "governor",
    "prometheus",
    "config",
];
/// Packages in the default build, dependencies of build scripts and macros included.
const MOST_PACKAGES: usize = 299;
/// The top level, besides dot-files.
const TOP: [&str; 8] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "crates",
    "config",
    "deploy",
    "tests",
    "docs",
];
/// Where the packages of `Cargo.lock` come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        here.ancestors().nth(2).expect("two folders up").to_owned()
    });
    &ROOT
}

/// The resolved dependencies: of each package its name, and whom it needs outside of tests.
struct Graph {
    names: BTreeMap<String, String>,
    needs: BTreeMap<String, Vec<(String, bool)>>,
}

static GRAPH: LazyLock<Graph> = LazyLock::new(|| {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let rustc = Command::new("rustc")
        .arg("-vV")
        .output()
        .expect("rustc runs");
    let rustc = String::from_utf8(rustc.stdout).expect("text");
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: "));
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version=1",
            "--locked",
            "--filter-platform",
        ])
        .arg(host.expect("rustc names its host"))
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata failed: {errors}");
    Graph::read(&serde_json::from_slice(&output.stdout).expect("JSON"))
});

impl Graph {
    fn read(metadata: &Value) -> Self {
        let list = |value: &Value| value.as_array().expect("a list").clone();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let names = list(&metadata["packages"])
            .iter()
            .map(|package| (text(&package["id"]), text(&package["name"])))
            .collect();
        let mut needs = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"]) {
            let mut needed = Vec::new();
            for dependency in list(&node["deps"]) {
                let kinds = list(&dependency["dep_kinds"]);
                let is_kind = |name: Option<&str>| kinds.iter().any(|k| k["kind"].as_str() == name);
                if is_kind(None) || is_kind(Some("build")) {
                    needed.push((text(&dependency["pkg"]), is_kind(None)));
                }
            }
            needs.insert(text(&node["id"]), needed);
        }
        Self { names, needs }
    }

    /// Every package that `name` reaches, itself included: those that are linked into it, with
    /// `build` also what builds them.
    fn tree(&self, name: &str, build: bool) -> BTreeSet<&str> {
        let start = self.names.iter().find(|(_, known)| *known == name);
        let mut open = vec![start.expect("a package of the workspace").0.as_str()];
        let mut reached: BTreeSet<&str> = open.iter().copied().collect();
        while let Some(id) = open.pop() {
            for (next, normal) in &self.needs[id] {
                if (*normal || build) && reached.insert(next) {
                    open.push(next);
                }
            }
        }
        reached
    }

    fn tree_names(&self, name: &str) -> BTreeSet<&str> {
        let tree = self.tree(name, false);
        tree.into_iter().map(|id| self.names[id].as_str()).collect()
    }
}

/// Tracked files; `None` outside of a git repository, such as an unpacked archive.
fn tracked() -> Option<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output()
        .ok()
        .filter(|output| output.status.success());
    let Some(output) = output else {
        println!("skipped: this is no git repository");
        return None;
    };
    let names = String::from_utf8(output.stdout).expect("file names are UTF-8");
    Some(names.split_terminator('\0').map(str::to_owned).collect())
}

#[test]
fn pure_crates_reach_no_io() {
    for pure in PURE {
        let tree = GRAPH.tree_names(pure);
        let reached: Vec<&&str> = IO.iter().filter(|name| tree.contains(**name)).collect();
        assert!(reached.is_empty(), "{pure} reaches {reached:?}");
    }
}

#[test]
fn the_io_that_is_looked_for_is_what_the_gateway_has() {
    // Were one of them renamed, the test above would pass without looking at anything.
    let tree = GRAPH.tree_names("steelyard-gateway");
    for name in IO {
        assert!(tree.contains(name), "the gateway does not reach {name}");
    }
}

#[test]
fn pure_crates_know_only_the_types() {
    for pure in PURE {
        let others = GRAPH.tree_names(pure).into_iter().filter(|name| {
            name.starts_with("steelyard-") && *name != pure && *name != "steelyard-types"
        });
        let others: Vec<&str> = others.collect();
        assert!(others.is_empty(), "{pure} knows {others:?}");
    }
}

#[test]
fn the_gateway_is_built_on_the_agreed_crates() {
    let tree = GRAPH.tree_names("steelyard-gateway");
    let missing: Vec<&&str> = EDGE.iter().filter(|name| !tree.contains(**name)).collect();
    assert!(missing.is_empty(), "not in the gateway's tree: {missing:?}");
}

#[test]
fn the_default_build_stays_small() {
    let count = GRAPH.tree("steelyard-gateway", true).len();
    assert!(count > EDGE.len(), "the tree was not read");
    assert!(count <= MOST_PACKAGES, "{count} packages");
}

/// Modules of the standard library that read clocks or do I/O.
const FORBIDDEN: [&str; 8] = [
    "std::net",
    "std::fs",
    "std::process",
    "std::thread::",
    "std::io::std",
    "std::env::",
    "Instant",
    "SystemTime",
];

#[test]
fn pure_crates_use_no_io_of_the_standard_library() {
    let mut read = 0;
    for pure in PURE {
        let name = pure.trim_start_matches("steelyard-");
        let sources = root().join("crates").join(name).join("src");
        for file in sources_under(&sources) {
            let text = fs::read_to_string(&file).expect("a source is text");
            read += 1;
            for (number, line) in shipped_lines(&text) {
                let found = FORBIDDEN.iter().find(|word| uses(line, word));
                let place = format!("{}:{}", file.display(), number + 1);
                assert!(found.is_none(), "{place} uses {}: {line}", found.unwrap());
            }
        }
    }
    assert!(read > 30, "only {read} sources were found");
}

/// Sources under a folder, those of unit tests left out.
fn sources_under(folder: &Path) -> Vec<PathBuf> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().expect("a name").to_string_lossy();
        if stem == "tests" {
            continue;
        }
        if path.is_dir() {
            sources.extend(sources_under(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(path);
        }
    }
    sources
}

/// The lines that are compiled into the crate: tests come last in a file.
fn shipped_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate();
    lines.take_while(|(_, line)| line.trim() != "mod tests {")
}

/// Whether code, not a comment, has this word.
fn uses(line: &str, word: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices(word).any(|(start, _)| {
        let before = code[..start].chars().next_back();
        let after = code[start + word.len()..].chars().next();
        let continues = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let open_ended = word.ends_with("::") || word.ends_with("std");
        !continues(before) && (open_ended || !continues(after))
    })
}

#[test]
fn a_format_of_its_own_is_one_file_and_one_line() {
    let own = root().join("crates/provider-adapter/src/cohere");
    let crates = ["types", "policy", "router", "provider-adapter", "gateway"];
    let mut elsewhere = Vec::new();
    for name in crates {
        for source in sources_under(&root().join("crates").join(name).join("src")) {
            if source.with_extension("") == own || source.starts_with(&own) {
                continue;
            }
            let text = fs::read_to_string(&source).expect("a source can be read");
            let named = shipped_lines(&text).map(|(_, line)| line.trim());
            let named = named.filter(|line| line.to_lowercase().contains("cohere"));
            elsewhere.extend(named.map(str::to_owned));
        }
    }
    let page = fs::read_to_string(root().join("docs/adding-a-provider.md"));
    let page = page.expect("the page can be read");
    let added = page.lines().filter_map(|line| line.strip_prefix('+'));
    let added: Vec<&str> = added.map(str::trim).collect();
    assert_eq!(elsewhere, added, "what the page says must be added");
}

#[test]
fn words_are_found_in_code_only() {
    assert!(uses("let now = Instant::now();", "Instant"));
    assert!(uses("use std::fs;", "std::fs"));
    assert!(uses("std::env::var(name)", "std::env::"));
    assert!(!uses("// Instant is for the gateway", "Instant"));
    assert!(!uses("struct Instantaneous;", "Instant"));
    assert!(!uses("let grafted_std::fs = 1;", "std::fs"));
}

#[test]
fn the_top_level_holds_only_what_was_agreed() {
    let Some(files) = tracked() else { return };
    let top: BTreeSet<&str> = files
        .iter()
        .filter_map(|file| file.split('/').next())
        .collect();
    let strange: Vec<&&str> = top
        .iter()
        .filter(|name| !name.starts_with('.') && !TOP.contains(name))
        .collect();
    assert!(strange.is_empty(), "at the top level: {strange:?}");
    assert!(top.contains("crates"), "git listed nothing");
}

#[test]
fn no_file_tells_of_the_machine_it_was_written_on() {
    let Some(files) = tracked() else { return };
    // Put together here, so that this file does not find itself.
    let paths = ["work", "root", "home", "Users"].map(|name| format!("/{name}/"));
    let words = ["arti", "factory"].concat();
    let settings = ["index-url", "find-links", "replace-with", "trusted-host"];
    for file in files {
        // A file may be deleted and not yet committed.
        let Ok(text) = fs::read_to_string(root().join(&file)) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            let place = format!("{file}:{}", number + 1);
            for path in &paths {
                let told = line
                    .match_indices(path.as_str())
                    .any(|(start, _)| begins(line, start));
                assert!(!told, "{place} has a machine's path: {line}");
            }
            assert!(!line.contains(&words), "{place} names a registry: {line}");
            let is_setting = file.ends_with("requirements.txt") || file.starts_with(".cargo/");
            let set = settings
                .iter()
                .find(|word| is_setting && line.contains(**word));
            assert!(set.is_none(), "{place} chooses a registry: {line}");
            if file == "Cargo.lock"
                && let Some(source) = line.strip_prefix("source = ")
            {
                assert_eq!(source.trim_matches('"'), REGISTRY, "{place}");
            }
        }
    }
}

/// Whether what starts here is a path of its own and not the middle of a longer one or of a URL.
fn begins(line: &str, start: usize) -> bool {
    let before = line[..start].chars().next_back();
    before.is_none_or(|c| !(c.is_alphanumeric() || ".-_~}*/".contains(c)))
}
