//! Documents given on a command line: a file's name in `--x-file`, or the text itself in `--x`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What a document may hold.
const MAX_BYTES: u64 = 16 << 20;

/// Why a document was not read.
#[derive(Debug, thiserror::Error)]
pub enum InvalidContent {
    #[error("both {flag}-file and {flag} flags set: give one of them")]
    Both { flag: &'static str },
    #[error("{flag}-file: cannot read {path}: {source}", path = path.display())]
    Unreadable { flag: &'static str, path: PathBuf, source: io::Error },
    #[error("{flag}-file: {path} is larger than {MAX_BYTES} bytes", path = path.display())]
    TooLarge { flag: &'static str, path: PathBuf },
    #[error("{flag}: found reference to unset environment variable {name:?}")]
    Unset { flag: &'static str, name: String },
}

/// The text of the document that `--<flag>-file` names or `--<flag>` holds, with `$(NAME)` replaced by the environment's
/// variable; `None` if neither was given, or what was given is empty.
///
/// # Errors
/// Both are given, the file cannot be read, or a variable is not set.
pub fn content(
    flag: &'static str,
    path: Option<&Path>,
    inline: Option<&str>,
) -> Result<Option<String>, InvalidContent> {
    let text = match (path.filter(|path| !path.as_os_str().is_empty()), inline.filter(|text| !text.is_empty())) {
        (Some(_), Some(_)) => return Err(InvalidContent::Both { flag }),
        (Some(path), None) => read(flag, path)?,
        (None, Some(text)) => text.to_owned(),
        (None, None) => return Ok(None),
    };
    let text = expand(&text, |name| std::env::var(name).ok());
    text.map(|text| (!text.trim().is_empty()).then_some(text)).map_err(|name| InvalidContent::Unset { flag, name })
}

fn read(flag: &'static str, path: &Path) -> Result<String, InvalidContent> {
    let mut text = String::new();
    let size = File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text))
        .map_err(|source| InvalidContent::Unreadable { flag, path: path.to_owned(), source })?;
    match size as u64 > MAX_BYTES {
        true => Err(InvalidContent::TooLarge { flag, path: path.to_owned() }),
        false => Ok(text),
    }
}

/// Puts variables in the place of `$(NAME)`; the name of one that is not set is the error.
fn expand(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once("$(") {
        out.push_str(before);
        let name = after.split_once(')').filter(|(name, _)| is_variable(name));
        let Some((name, behind)) = name else {
            out.push_str("$(");
            rest = after;
            continue;
        };
        out.push_str(&variable(name).ok_or_else(|| name.to_owned())?);
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

fn is_variable(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests;
