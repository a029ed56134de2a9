//! Paths: which ones a node may have, and how they fall into elements.

use crate::error::ErrorCode;
use crate::text::Text;

/// Nodes that exist from the start and can not be deleted, the root apart.
pub(crate) const SYSTEM: [&str; 3] = ["/zookeeper", "/zookeeper/quota", "/zookeeper/config"];

/// Whether the path names the root or another node that can not be deleted.
pub(crate) fn is_system(path: &str) -> bool {
    path == "/" || SYSTEM.contains(&path)
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
