//! Files that come into being whole or not at all.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

/// A file in the making. It is written beside its place and put there by [`Draft::finish`]; dropped
/// before, it leaves what stands there as it was.
pub(super) struct Draft {
    file: BufWriter<File>,
    /// Where it is written until it is whole; `None` where that is the place itself, as of a pipe.
    beside: Option<PathBuf>,
    place: PathBuf,
}

impl Draft {
    /// Begins a file. Its folder must exist.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let cannot = || format!("cannot write {}", path.display());
        // Through a link, what it points to is replaced.
        let place = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let before = std::fs::metadata(&place).ok();
        if before.as_ref().is_some_and(|before| !before.is_file()) {
            // A pipe or a device cannot be replaced; a folder is refused here.
            let file = OpenOptions::new().write(true).open(&place);
            return Ok(Self {
                file: BufWriter::new(file.with_context(cannot)?),
                beside: None,
                place,
            });
        }
        let mut name = std::ffi::OsString::from(".");
        name.push(place.file_name().with_context(cannot)?);
        name.push(format!(".{}.tmp", std::process::id()));
        let beside = place.with_file_name(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&beside)
            .with_context(cannot)?;
        let draft = Self {
            file: BufWriter::new(file),
            beside: Some(beside),
            place,
        };
        if let Some(before) = before {
            let as_before = draft.file.get_ref().set_permissions(before.permissions());
            as_before.with_context(cannot)?;
        }
        Ok(draft)
    }

    /// Puts the file in its place.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        let cannot = || format!("cannot write {}", self.place.display());
        self.file.flush().with_context(cannot)?;
        if let Some(beside) = &self.beside {
            std::fs::rename(beside, &self.place).with_context(cannot)?;
        }
        self.beside = None;
        Ok(())
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            // Nothing more can be done about what cannot be removed.
            let _ = std::fs::remove_file(beside);
        }
    }
}

/// Writes a whole file.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut draft = Draft::create(path)?;
    draft
        .write_all(bytes)
        .with_context(|| format!("cannot write {}", path.display()))?;
    draft.finish()
}

/// Says beforehand whether a file can be written; leaves everything as it is.
pub(super) fn writable(path: &Path) -> anyhow::Result<()> {
    // Of a pipe or a device the reader would see that it was opened.
    let special = |of: Metadata| !of.is_file() && !of.is_dir();
    if std::fs::metadata(path).is_ok_and(special) {
        return Ok(());
    }
    Draft::create(path).map(drop)
}

/// Refuses an output that is one of the files which are read, under whatever name.
pub(super) fn distinct<'p>(
    output: &Path,
    inputs: impl IntoIterator<Item = &'p Path>,
) -> anyhow::Result<()> {
    let Ok(of_output) = std::fs::metadata(output) else {
        return Ok(());
    };
    let file = |of: &Metadata| (of.dev(), of.ino());
    for input in inputs {
        let same = std::fs::metadata(input)
            .is_ok_and(|of_input| of_input.is_file() && file(&of_input) == file(&of_output));
        ensure!(
            !same,
            "{} is read as well as written: name another file for the output",
            output.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let name = format!("steelyard-output-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_or_stays() {
        let folder = folder("whole");
        let path = folder.join("file");
        std::fs::write(&path, "old").unwrap();
        let mut draft = Draft::create(&path).unwrap();
        draft.write_all(b"half").unwrap();
        drop(draft);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        let link = folder.join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write(&link, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(names(&folder), [path, link], "nothing else is left behind");
        write(Path::new("/dev/null"), b"gone").unwrap();
        assert!(write(&folder, b"a folder").is_err());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn whether_a_file_can_be_written_is_known_before() {
        let folder = folder("before");
        let path = folder.join("file");
        writable(&path).unwrap();
        assert!(names(&folder).is_empty());
        std::fs::write(&path, "old").unwrap();
        writable(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(names(&folder), [path]);
        writable(Path::new("/dev/null")).unwrap();
        for wrong in [folder.join("no folder").join("file"), folder.clone()] {
            let error = writable(&wrong).unwrap_err().to_string();
            assert!(error.contains("cannot write"), "{error}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_same_file_is_known_by_other_names() {
        let folder = folder("same");
        let (one, other, hard) = (
            folder.join("one"),
            folder.join("other"),
            folder.join("hard"),
        );
        std::fs::write(&one, "1").unwrap();
        std::fs::write(&other, "1").unwrap();
        std::fs::hard_link(&one, &hard).unwrap();
        let roundabout = folder.join(".").join("one");
        for input in [&one, &hard, &roundabout] {
            let refused = distinct(&one, [other.as_path(), input.as_path()]).unwrap_err();
            assert!(refused.to_string().contains("as well as written"));
        }
        distinct(&one, [other.as_path(), Path::new("-")]).unwrap();
        distinct(&folder.join("new"), [one.as_path()]).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }
}
