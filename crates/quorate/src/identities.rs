//! Whom a command speaks for: `USER:PASSWORD`, from a file or a variable.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// Those of the lines of a file, then one more.
///
/// # Errors
/// If the file can't be read, or something is not of the form `USER:PASSWORD`.
pub(crate) fn read(file: Option<&Path>, one: Option<&str>) -> Result<Vec<(String, String)>> {
    let text = match file {
        Some(file) => std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?,
        None => String::new(),
    };
    text.lines().filter(|line| !line.trim().is_empty()).chain(one).map(identity).collect()
}

fn identity(line: &str) -> Result<(String, String)> {
    match line.split_once(':') {
        Some((user, password)) if !user.is_empty() => Ok((user.to_owned(), password.to_owned())),
        // Without the text, which may be half of a secret.
        _ => bail!("an identity is not of the form USER:PASSWORD"),
    }
}
