//! What stands for something else in a command line: `@file` and `--no-x`.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};

/// Files may name files, so far down.
const MAX_DEPTH: usize = 8;
/// What one file of arguments may hold.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// And how many arguments there may be in all.
const MAX_ARGUMENTS: usize = 10_000;

/// Why a command line cannot be written out.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExpandError {
    #[error("failed to open arguments file {path:?}: {source}")]
    Open { path: String, source: io::Error },
    #[error("arguments file {path:?} is larger than {MAX_FILE_BYTES} bytes")]
    TooLarge { path: String },
    #[error("arguments file {path:?} is named by a chain of more than {MAX_DEPTH} arguments files")]
    TooDeep { path: String },
    #[error("more than {MAX_ARGUMENTS} arguments")]
    TooMany,
    #[error("unexpected {value} (write --{name} or --no-{name})")]
    SwitchWithValue { name: String, value: String },
}

/// Puts the lines of a file in the place of `@file`; empty lines and those that begin with `#` are left out. What follows
/// `--` is left alone.
pub(super) fn files(args: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>, ExpandError> {
    let mut out = Vec::new();
    let mut args = args.into_iter();
    // The program's own name is no argument.
    out.extend(args.next());
    while let Some(arg) = args.next() {
        if arg == "--" {
            out.push(arg);
            out.extend(args);
            break;
        }
        expand(arg, 0, &mut out)?;
    }
    Ok(out)
}

fn expand(arg: OsString, depth: usize, out: &mut Vec<OsString>) -> Result<(), ExpandError> {
    let Some(path) = arg.to_str().and_then(|arg| arg.strip_prefix('@')) else {
        if out.len() >= MAX_ARGUMENTS {
            return Err(ExpandError::TooMany);
        }
        out.push(arg);
        return Ok(());
    };
    let path = path.to_owned();
    if depth >= MAX_DEPTH {
        return Err(ExpandError::TooDeep { path });
    }
    let mut text = String::new();
    let read = fs::File::open(&path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text));
    match read {
        Err(source) => return Err(ExpandError::Open { path, source }),
        Ok(size) if size as u64 > MAX_FILE_BYTES => return Err(ExpandError::TooLarge { path }),
        Ok(_) => {}
    }
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(OsString::from).try_for_each(|line| expand(line, depth + 1, out))
}

/// Writes `--no-x` as `--x=false` for each `x` in `names`, and refuses a value that someone gave such a flag.
pub(super) fn switches(args: Vec<OsString>, names: &[String]) -> Result<Vec<OsString>, ExpandError> {
    let known = |name: &str| names.iter().any(|known| known == name);
    let mut only_arguments = false;
    let rewrite = |arg: OsString| {
        only_arguments |= arg == "--";
        let Some(flag) = arg.to_str().and_then(|arg| arg.strip_prefix("--")).filter(|_| !only_arguments) else {
            return Ok(arg);
        };
        let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
        let negated = name.strip_prefix("no-").filter(|name| known(name));
        match (negated, value) {
            (Some(name), None) => Ok(format!("--{name}=false").into()),
            (Some(name), Some(value)) => Err(unexpected(name, value)),
            (None, Some(value)) if known(name) => Err(unexpected(name, value)),
            _ => Ok(arg),
        }
    };
    args.into_iter().map(rewrite).collect()
}

fn unexpected(name: &str, value: &str) -> ExpandError {
    ExpandError::SwitchWithValue { name: name.to_owned(), value: value.to_owned() }
}
