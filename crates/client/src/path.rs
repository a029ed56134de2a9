//! Paths, and the part of the tree that they are relative to.

use thiserror::Error;

/// A text that is no path of a znode. Servers refuse it as well, but can not say what is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{path:?} is no path of a znode: {why}")]
pub struct PathError {
    path: String,
    why: &'static str,
}

/// Checks that `path` is one: `/`, or names that each follow a `/`, none of them `.` or `..`, without control characters.
///
/// # Errors
/// When it is none, with what is wrong.
pub fn check_path(path: &str) -> Result<(), PathError> {
    let wrong = |why| Err(PathError { path: path.to_owned(), why });
    let Some(names) = path.strip_prefix('/') else {
        return wrong("it does not start with a slash");
    };
    if names.is_empty() {
        return Ok(());
    }
    if names.ends_with('/') {
        return wrong("it ends with a slash");
    }
    for name in names.split('/') {
        match name {
            "" => return wrong("a name in it is empty"),
            "." | ".." => return wrong("relative names have no meaning"),
            _ => {}
        }
    }
    if path.chars().any(is_refused) {
        return wrong("it contains a control character or one of U+FFF0 to U+FFFF");
    }
    Ok(())
}

/// As [`check_path`], for a znode whose name is completed by a number.
pub(crate) fn check_sequential(path: &str) -> Result<(), PathError> {
    check_path(&format!("{path}0"))
}

/// `org.apache.zookeeper.common.PathUtils`.
fn is_refused(c: char) -> bool {
    matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..='\u{ffff}')
}

/// The server's path of what is `path` below `chroot` (empty for none).
pub(crate) fn below(chroot: &str, path: &str) -> String {
    match (chroot, path) {
        ("", path) => path.to_owned(),
        (chroot, "/") => chroot.to_owned(),
        (chroot, path) => format!("{chroot}{path}"),
    }
}

/// The path below `chroot` of what the server calls `path`.
pub(crate) fn above<'a>(chroot: &str, path: &'a str) -> &'a str {
    match path.strip_prefix(chroot) {
        Some("") if !chroot.is_empty() => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_other_texts() {
        for good in ["/", "/a", "/a/b", "/a.b/..c", "/ä/\u{1f600}"] {
            assert_eq!(check_path(good), Ok(()), "{good}");
        }
        for bad in ["", "a", "/a/", "//", "/a//b", "/.", "/a/..", "/a\n", "/\u{fff1}"] {
            assert!(check_path(bad).is_err(), "{bad}");
        }
        assert_eq!(check_sequential("/a/"), Ok(()));
    }

    #[test]
    fn a_chroot_goes_on_and_comes_off() {
        for (chroot, path, full) in
            [("", "/a", "/a"), ("/c", "/", "/c"), ("/c", "/a/b", "/c/a/b"), ("", "/", "/")]
        {
            assert_eq!(below(chroot, path), full);
            assert_eq!(above(chroot, full), path);
        }
    }
}
