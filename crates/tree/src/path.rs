//! Paths: which ones a node may have, and how they fall into elements.

use crate::error::ErrorCode;
use crate::text::Text;

/// Nodes that exist from the start and can not be deleted, the root apart.
pub(crate) const SYSTEM: [&str; 3] = ["/zookeeper", "/zookeeper/quota", "/zookeeper/config"];

/// Whether the path names the root or another node that can not be deleted.
pub(crate) fn is_system(path: &str) -> bool {
    path == "/" || SYSTEM.contains(&path)
}

/// Whether the path is the server's own, `/zookeeper` or below it.
pub(crate) fn is_reserved(path: &str) -> bool {
    path.strip_prefix(SYSTEM[0]).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Where each element of an absolute path ends, the topmost first.
pub(crate) fn ends(path: &str) -> impl Iterator<Item = usize> {
    path.match_indices('/').skip(1).map(|(at, _)| at).chain(std::iter::once(path.len()))
}

/// Where the last element begins less one, in a path that a create or delete can begin to look at.
pub(crate) fn last_slash(path: &str) -> Result<usize, ErrorCode> {
    if path.contains('\0') {
        return Err(ErrorCode::BadArguments);
    }
    path.rfind('/').ok_or(ErrorCode::BadArguments)
}

/// The path of the parent, given where the last slash is. Shares the path's buffer.
pub(crate) fn parent(path: &Text, last_slash: usize) -> Text {
    path.prefix(..last_slash.max(1))
}

/// Whether a node may have this path: absolute, no empty, `.` or `..` element, no forbidden character.
pub(crate) fn validate(path: &str) -> Result<(), ErrorCode> {
    let valid = match path.strip_prefix('/') {
        Some("") => true,
        Some(elements) => elements.split('/').all(is_valid_element),
        None => false,
    };
    if valid { Ok(()) } else { Err(ErrorCode::BadArguments) }
}

fn is_valid_element(element: &str) -> bool {
    !matches!(element, "" | "." | "..") && (is_plain(element) || element.chars().all(is_valid_char))
}

fn is_plain(element: &str) -> bool {
    element.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
}

/// The ranges are of UTF-16 code units, so characters beyond the basic plane fall to their surrogates.
fn is_valid_char(character: char) -> bool {
    !matches!(character, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{e000}'..='\u{f8ff}' | '\u{fff0}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_a_node_may_have() {
        for path in
            ["/", "/a", "/a/b", "/a.b/..c/...", "/ä/日本", "/ ", "/a b", "/\u{a0}", "/\u{f900}", "/\u{ffef}"]
        {
            assert_eq!(validate(path), Ok(()), "{path:?}");
        }
    }

    #[test]
    fn elements_end_before_slashes_and_at_the_end() {
        assert_eq!(ends("/a/bc/d").collect::<Vec<_>>(), [2, 5, 7]);
        assert_eq!(ends("/a").collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn reserved_is_zookeeper_and_what_is_below() {
        assert!(["/zookeeper", "/zookeeper/", "/zookeeper/quota/a"].into_iter().all(is_reserved));
        assert!(!["/", "/zookeepers", "/a/zookeeper"].into_iter().any(is_reserved));
    }

    #[test]
    fn paths_that_no_node_may_have() {
        for path in [
            "",
            "a",
            "a/b",
            "/a/",
            "//",
            "/a//b",
            "//a",
            "/.",
            "/..",
            "/a/./b",
            "/a/..",
            "/a\0",
            "/\u{1}",
            "/\u{1f}",
            "/\u{7f}",
            "/\u{9f}",
            "/\u{e000}",
            "/\u{f8ff}",
            "/\u{fff0}",
            "/\u{ffff}",
            "/\u{1f600}",
        ] {
            assert_eq!(validate(path), Err(ErrorCode::BadArguments), "{path:?}");
        }
    }
}
