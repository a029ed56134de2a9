//! Paths of znodes, taken apart and put together.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::Arc;

/// The path of `parent`'s child `name`.
pub(crate) fn child(parent: &str, name: &str) -> String {
    if parent == "/" { format!("/{name}") } else { format!("{parent}/{name}") }
}

/// The path of the parent; `None` for the root.
pub(crate) fn parent(path: &str) -> Option<&str> {
    match path.rfind('/')? {
        0 if path.len() > 1 => Some("/"),
        0 => None,
        at => Some(&path[..at]),
    }
}

/// The last name of a path; empty for the root.
pub(crate) fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Whether `path` is `root` or below it.
pub(crate) fn is_within(root: &str, path: &str) -> bool {
    root == "/" || path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The keys strictly below `path`.
pub(crate) fn below<'a, T>(
    map: &'a BTreeMap<Arc<str>, T>,
    path: &str,
) -> impl Iterator<Item = (&'a Arc<str>, &'a T)> {
    let first = if path == "/" { "/".to_owned() } else { format!("{path}/") };
    let range = (Excluded(first.as_str()), Unbounded);
    map.range::<str, _>(range).take_while(move |(key, _)| key.starts_with(&first))
}

/// The keys whose parent is `path`. What is deeper is jumped over.
pub(crate) fn children<'a, T>(
    map: &'a BTreeMap<Arc<str>, T>,
    path: &str,
) -> impl Iterator<Item = (&'a Arc<str>, &'a T)> {
    let prefix = if path == "/" { "/".to_owned() } else { format!("{path}/") };
    let mut from = Excluded(prefix.clone());
    std::iter::from_fn(move || {
        loop {
            let bound = match &from {
                Included(key) => Included(key.as_str()),
                Excluded(key) => Excluded(key.as_str()),
                Unbounded => Unbounded,
            };
            let (key, value) = map.range::<str, _>((bound, Unbounded)).next()?;
            let name = key.strip_prefix(prefix.as_str())?;
            match name.find('/') {
                None => {
                    from = Excluded(key.to_string());
                    return Some((key, value));
                }
                // The byte that follows a slash.
                Some(at) => from = Included(format!("{prefix}{}0", &name[..at])),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(paths: &[&str]) -> BTreeMap<Arc<str>, ()> {
        paths.iter().map(|path| (Arc::from(*path), ())).collect()
    }

    #[test]
    fn children_are_found_between_what_is_deeper_and_what_sorts_like_it() {
        let map = map(&["/", "/a", "/a/b", "/a/b-c", "/a/b/d", "/a/b/e", "/a/b0", "/a/x/y", "/ab"]);
        let names = |path: &str| children(&map, path).map(|(key, ())| key.to_string()).collect::<Vec<_>>();
        assert_eq!(names("/a"), ["/a/b", "/a/b-c", "/a/b0"]);
        assert_eq!(names("/"), ["/a", "/ab"]);
        assert_eq!(names("/ab"), [""; 0]);
        let all = |path: &str| below(&map, path).map(|(key, ())| key.to_string()).collect::<Vec<_>>();
        assert_eq!(all("/a"), ["/a/b", "/a/b-c", "/a/b/d", "/a/b/e", "/a/b0", "/a/x/y"]);
        assert_eq!(all("/").len(), 8);
    }

    #[test]
    fn paths_have_parents_and_names() {
        for (path, above, last) in [("/", None, ""), ("/a", Some("/"), "a"), ("/a/b", Some("/a"), "b")] {
            assert_eq!((parent(path), name(path)), (above, last));
        }
        assert!(is_within("/a", "/a/b") && is_within("/", "/a") && !is_within("/a", "/ab"));
    }
}
