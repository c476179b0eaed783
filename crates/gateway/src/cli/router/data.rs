//! Reads JSON lines, gzipped or not, and the scorer's weights.

use std::collections::HashSet;
use std::fmt::Formatter;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use flate2::bufread::MultiGzDecoder;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use steelyard_router::Scorer;

/// Most bytes of one line.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// How gzip begins (RFC 1952, section 2.3.1), and no line of JSON.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A file that is open, with its name for errors.
pub(super) struct Input {
    name: String,
    reader: Box<dyn BufRead>,
}

/// Opens a file; `-` is standard input. What is gzipped, by its first bytes, is unpacked to the end
/// of its last member.
pub(super) fn open(path: &Path) -> anyhow::Result<Input> {
    if path.as_os_str() == "-" {
        return unpacked("standard input".to_owned(), std::io::stdin());
    }
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
    unpacked(name, file)
}

fn unpacked(name: String, source: impl Read + 'static) -> anyhow::Result<Input> {
    let mut packed = BufReader::new(source);
    let first = packed.fill_buf();
    let first = first.with_context(|| format!("cannot read {name}"))?;
    let reader: Box<dyn BufRead> = if first.starts_with(&GZIP) {
        Box::new(BufReader::new(MultiGzDecoder::new(packed)))
    } else {
        Box::new(packed)
    };
    Ok(Input { name, reader })
}

/// Lines with their numbers, without the empty ones. A line past the bound is an error of its own.
pub(super) fn lines(
    input: Input,
    mut each: impl FnMut(u64, Result<&str, &'static str>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Input { name, mut reader } = input;
    let cannot = || format!("cannot read {name}");
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = reader
            .by_ref()
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)
            .with_context(cannot)?;
        if read == 0 {
            break;
        }
        if read as u64 == MAX_LINE_BYTES && line.last() != Some(&b'\n') {
            skip_line(&mut reader).with_context(cannot)?;
            each(number, Err("the line is longer than 16 MiB"))?;
            continue;
        }
        // A mark of the order of bytes says nothing in UTF-8, but some editors write it.
        let line = match line.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) if number == 1 => rest,
            _ => line.as_slice(),
        };
        match std::str::from_utf8(line) {
            Ok(text) if text.trim().is_empty() => {}
            Ok(text) => each(number, Ok(text.trim()))?,
            Err(_) => each(number, Err("the line is not UTF-8"))?,
        }
    }
    Ok(())
}

fn skip_line(input: &mut dyn BufRead) -> std::io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        match memchr::memchr(b'\n', buffer) {
            Some(end) => {
                input.consume(end + 1);
                return Ok(());
            }
            None => {
                let all = buffer.len();
                input.consume(all);
            }
        }
    }
}

/// The files of recorded outcomes, in their order; a folder stands for its `*.jsonl.gz` and
/// `*.jsonl` in the order of their names. A file that is given again, under whatever path, is told
/// and left out.
pub(super) fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path)
            .with_context(|| format!("cannot read the folder {}", path.display()))?;
        let mut inside: Vec<PathBuf> = entries
            .map(|entry| Ok(entry?.path()))
            .collect::<anyhow::Result<_>>()?;
        inside.retain(|path| {
            let name = path.to_string_lossy();
            name.ends_with(".jsonl.gz") || name.ends_with(".jsonl")
        });
        inside.sort();
        ensure!(
            !inside.is_empty(),
            "no *.jsonl.gz or *.jsonl in {}",
            path.display()
        );
        files.extend(inside);
    }
    let mut seen = HashSet::new();
    files.retain(|path| {
        // What cannot be found is an error of its own when it is opened.
        let file = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        let is_new = seen.insert(file);
        if !is_new {
            tell(&format!(
                "{} is given again: it is read once",
                path.display()
            ));
        }
        is_new
    });
    Ok(files)
}

/// Why a line is no JSON; the line's own number is told beside it.
pub(super) fn not_json(error: &serde_json::Error) -> anyhow::Error {
    let (told, column) = (reason(error), error.column());
    if told == HALF_PAIR {
        return anyhow::anyhow!("{told}, column {column}");
    }
    anyhow::anyhow!("not a JSON object: {told}, column {column}")
}

/// What is wrong with a text that JSON can write and no text can hold.
const HALF_PAIR: &str =
    "an escape from \\ud800 to \\udfff without the other half of its pair is no character";

/// What is wrong with JSON, without the place.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let told = error.to_string();
    // Both are said of nothing but such an escape.
    if told.contains("lone leading surrogate") || told.contains("unexpected end of hex escape") {
        return HALF_PAIR.to_owned();
    }
    let place = format!(" at line {} column {}", error.line(), error.column());
    told.strip_suffix(&place).unwrap_or(&told).to_owned()
}

/// A JSON object, its names in their order.
pub(super) struct Pairs<V>(Vec<(String, V)>);

impl<V> Pairs<V> {
    /// The object with each of its names once.
    ///
    /// # Errors
    /// A name that stands twice: which of its values is meant cannot be told.
    pub(super) fn distinct<M: FromIterator<(String, V)>>(self) -> anyhow::Result<M> {
        let mut seen = HashSet::with_capacity(self.0.len());
        for (name, _) in &self.0 {
            ensure!(seen.insert(name.as_str()), "{name:?} stands twice");
        }
        Ok(self.0.into_iter().collect())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Reader<V> {
            type Value = Pairs<V>;

            fn expecting(&self, text: &mut Formatter<'_>) -> std::fmt::Result {
                text.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<V>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Reader(PhantomData))
    }
}

/// The weights of a file, or those that ship.
pub(super) enum Weights {
    Shipped,
    Own(Box<Scorer>),
}

impl Weights {
    pub(super) fn load(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Shipped);
        };
        let mut bytes = Vec::new();
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let most = steelyard_router::MAX_WEIGHTS_BYTES as u64 + 1;
        file.take(most).read_to_end(&mut bytes)?;
        match Scorer::from_bytes(&bytes) {
            Ok(scorer) => Ok(Self::Own(Box::new(scorer))),
            Err(error) => bail!("{} cannot be used: {error}", path.display()),
        }
    }

    /// For as long as the process runs, as a gateway holds its scorer.
    pub(super) fn forever(self) -> &'static Scorer {
        match self {
            Self::Shipped => Scorer::shipped(),
            Self::Own(scorer) => Box::leak(scorer),
        }
    }

    pub(super) fn scorer(&self) -> &Scorer {
        match self {
            Self::Shipped => Scorer::shipped(),
            Self::Own(scorer) => scorer,
        }
    }
}

/// The name most like one that is not known.
pub(super) fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    known
        .map(|other| (strsim::jaro_winkler(name, other), other))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, near)| near)
}

/// `1 prompt`, `2 prompts`.
pub(super) fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

/// Lines that cannot be read: all are told before they are an error, up to a bound.
#[derive(Default)]
pub(super) struct BadLines(usize);

impl BadLines {
    /// Most lines that are told one by one.
    const MOST_TOLD: usize = 20;

    pub(super) fn tell(&mut self, path: &Path, number: u64, error: &anyhow::Error) {
        self.0 += 1;
        if self.0 <= Self::MOST_TOLD {
            tell(&format!("{}, line {number}: {error:#}", path.display()));
        }
    }

    /// An error if there are any.
    pub(super) fn end(&self, of: &str) -> anyhow::Result<()> {
        let more = match self.0.saturating_sub(Self::MOST_TOLD) {
            0 => String::new(),
            more => format!(", {more} of them not shown"),
        };
        let lines = counted(self.0, "line");
        ensure!(self.0 == 0, "{lines} of {of} cannot be read{more}");
        Ok(())
    }
}

/// Tells how it goes on standard error, so that the tables on standard output stay clean.
#[expect(clippy::print_stderr, reason = "this is the command line's own voice")]
pub(super) fn tell(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_and_bounded() {
        let long = "x".repeat(usize::try_from(MAX_LINE_BYTES).unwrap() + 10);
        let text = format!("\u{feff}one\n\n{long}\nfour");
        let mut seen = Vec::new();
        let input = unpacked("text".to_owned(), std::io::Cursor::new(text)).unwrap();
        lines(input, |number, line| {
            seen.push((number, line.map(str::to_owned)));
            Ok(())
        })
        .unwrap();
        let too_long = Err("the line is longer than 16 MiB");
        assert_eq!(
            seen,
            [
                (1, Ok("one".to_owned())),
                (3, too_long),
                (4, Ok("four".to_owned()))
            ]
        );
    }

    #[test]
    fn what_is_gzipped_is_unpacked_to_its_end() {
        let packed = |text: &str| {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), Default::default());
            std::io::Write::write_all(&mut writer, text.as_bytes()).unwrap();
            writer.finish().unwrap()
        };
        let read = |bytes: Vec<u8>| {
            let input = unpacked("it".to_owned(), std::io::Cursor::new(bytes)).unwrap();
            let mut seen = Vec::new();
            let done = lines(input, |_, line| {
                seen.push(line.unwrap().to_owned());
                Ok(())
            });
            done.map(|()| seen)
        };
        // As `cat one.gz two.gz` writes them.
        let two = [packed("one\n"), packed("two\r\n")].concat();
        assert_eq!(read(two).unwrap(), ["one", "two"]);
        assert_eq!(read(b"plain".to_vec()).unwrap(), ["plain"]);
        assert!(read(Vec::new()).unwrap().is_empty());
        let mut cut = packed("one\n");
        cut.truncate(cut.len() - 9);
        let error = read(cut).unwrap_err().to_string();
        assert_eq!(error, "cannot read it");
    }

    #[test]
    fn a_file_is_read_once_under_whatever_path() {
        let name = format!("steelyard-twice-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(folder.join("inside")).unwrap();
        let file = folder.join("a.jsonl");
        std::fs::write(&file, "{}").unwrap();
        std::os::unix::fs::symlink(&file, folder.join("b.jsonl")).unwrap();
        let around = folder.join("inside/../a.jsonl");
        let missing = folder.join("missing.jsonl");
        let given = [file.clone(), around, folder.clone(), missing.clone()];
        let found = files(&given);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found.unwrap(), [file, missing]);
    }

    #[test]
    fn an_object_names_nothing_twice() {
        let read = |text: &str| {
            let pairs: Pairs<i32> = serde_json::from_str(text).unwrap();
            let pairs: anyhow::Result<Vec<(String, i32)>> = pairs.distinct();
            pairs.map_err(|error| error.to_string())
        };
        let once = vec![("b".to_owned(), 1), ("a".to_owned(), 1)];
        assert_eq!(read(r#"{"b":1,"a":1}"#), Ok(once));
        let twice = Err(r#""a" stands twice"#.to_owned());
        assert_eq!(read(r#"{"a":1,"b":2,"\u0061":1}"#), twice);
    }

    #[test]
    fn half_of_a_pair_is_told_as_such() {
        for line in [
            r#""\ud800""#,
            r#""\ud800 ""#,
            r#""\udc00""#,
            r#""\ud800\u0041""#,
        ] {
            let error = serde_json::from_str::<String>(line).unwrap_err();
            assert_eq!(reason(&error), HALF_PAIR, "{line}: {error}");
        }
        let other = serde_json::from_str::<String>(r#""\u12 x""#).unwrap_err();
        assert_eq!(reason(&other), "invalid escape");
    }

    #[test]
    fn one_is_told_in_the_singular() {
        let told = [0, 1, 2].map(|count| counted(count, "line"));
        assert_eq!(told, ["0 lines", "1 line", "2 lines"]);
    }
}
