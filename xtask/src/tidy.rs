//! Project rules that no lint knows, as tests.

use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::{program, root};

/// Lines that a source file may have: long before that it should have been several.
const LINES_MAX: usize = 700;

/// The files that git tracks or would track, as paths below the root.
fn files() -> Vec<PathBuf> {
    let listed = program("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .expect("git lists the files");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).expect("file names are UTF-8");
    let files: Vec<PathBuf> = names.split_terminator('\0').map(PathBuf::from).collect();
    assert!(files.len() > 50, "too few files: {files:?}");
    files.into_iter().filter(|file| root().join(file).is_file()).collect()
}

fn text(file: &Path) -> Option<String> {
    fs::read_to_string(root().join(file)).ok()
}

fn rust_sources() -> impl Iterator<Item = (PathBuf, String)> {
    files()
        .into_iter()
        .filter(|file| file.extension().is_some_and(|ending| ending == "rs"))
        .filter_map(|file| text(&file).map(|text| (file, text)))
}

fn crates() -> Vec<PathBuf> {
    files()
        .into_iter()
        .filter(|file| file.ends_with("Cargo.toml") && file.parent() != Some(Path::new("")))
        // Programs that use clients which others wrote are of no workspace.
        .filter(|file| !file.starts_with("interop"))
        .collect()
}

#[track_caller]
fn assert_none(offences: &[String], rule: &str) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}

#[test]
fn source_files_are_small() {
    let large: Vec<_> = rust_sources()
        .map(|(file, text)| (file, text.lines().count()))
        .filter(|&(_, lines)| lines > LINES_MAX)
        .map(|(file, lines)| format!("{}: {lines} lines", file.display()))
        .collect();
    assert_none(&large, &format!("split files of more than {LINES_MAX} lines by idea"));
}

#[test]
fn crates_say_what_they_are() {
    let silent: Vec<_> = crates()
        .iter()
        .flat_map(|manifest| ["src/lib.rs", "src/main.rs"].map(|entry| manifest.with_file_name(entry)))
        .filter_map(|entry| text(&entry).map(|text| (entry, text)))
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(entry, _)| entry.display().to_string())
        .collect();
    assert_none(&silent, "begin a crate with what it is for, in a //! comment");
}

#[test]
fn crates_take_the_lints_of_the_workspace() {
    let lax: Vec<_> = crates()
        .into_iter()
        // Fuzz targets are a workspace of their own: they need flags that nothing else does.
        .filter(|manifest| !manifest.starts_with("fuzz"))
        .filter(|manifest| text(manifest).is_some_and(|text| !text.contains("[lints]\nworkspace = true")))
        .map(|manifest| manifest.display().to_string())
        .collect();
    assert_none(&lax, "add `[lints] workspace = true`");
}

#[test]
fn versions_of_dependencies_are_chosen_in_one_place() {
    let own: Vec<_> = crates()
        .into_iter()
        .filter(|manifest| !manifest.starts_with("fuzz"))
        .flat_map(|manifest| {
            let text = text(&manifest).unwrap_or_default();
            let lines: Vec<_> = dependency_lines(&text)
                .filter(|line| !line.contains("workspace = true"))
                .map(|line| format!("{}: {line}", manifest.display()))
                .collect();
            lines
        })
        .collect();
    assert_none(&own, "name the version in the workspace's manifest, and say `.workspace = true` here");
}

fn dependency_lines(manifest: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    manifest.lines().filter(move |line| {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
            return false;
        }
        inside && line.contains('=')
    })
}

/// What must not be written down, in parts so that this file does not contain it: folders of somebody's machine, and
/// hosts that a machine may reach by another name. The lock file names its registry; so do licences and schemas.
#[test]
fn nothing_depends_on_one_machine() {
    let forbidden = [
        ["/wo", "rk/"],
        ["/ro", "ot/"],
        ["/ho", "me/"],
        ["/tmp/", "target"],
        ["/tmp/", "bash"],
        ["index.crates", ".io"],
        ["static.crates", ".io"],
        ["pypi", ".org"],
        ["files.python", "hosted.org"],
        ["repo1.ma", "ven.org"],
        ["repo.ma", "ven.apache.org"],
        ["registry.npm", "js.org"],
        ["proxy.go", "lang.org"],
        ["deb.deb", "ian.org"],
        ["chat", "gpt"],
        ["clau", "de"],
        ["anthro", "pic"],
        ["sub", "agent"],
        ["language ", "model"],
    ]
    .map(|parts| parts.concat());
    let mut found = Vec::new();
    for file in files() {
        for (number, line) in text(&file).unwrap_or_default().lines().enumerate() {
            for word in forbidden.iter().filter(|word| line.to_lowercase().contains(word.as_str())) {
                found.push(format!("{}:{}: {word}", file.display(), number + 1));
            }
        }
    }
    assert_none(&found, "leave machines and hosts out");
}

#[test]
fn unfinished_work_is_not_marked_in_comments() {
    let marks = [["TO", "DO"], ["FIX", "ME"], ["XX", "X:"]].map(|parts| parts.concat());
    let mut found = Vec::new();
    for (file, text) in rust_sources() {
        for (number, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark.as_str())) {
                found.push(format!("{}:{}", file.display(), number + 1));
            }
        }
    }
    assert_none(&found, "file an issue, or do it");
}

#[test]
fn documents_link_to_what_is_there() {
    let mut dangling = Vec::new();
    for file in files().into_iter().filter(|file| file.extension().is_some_and(|ending| ending == "md")) {
        let folder = root().join(&file).parent().expect("a file is in a folder").to_owned();
        for target in links(&text(&file).unwrap_or_default()) {
            if !folder.join(&target).exists() {
                dangling.push(format!("{}: {target}", file.display()));
            }
        }
    }
    assert_none(&dangling, "repair the link");
}

/// The targets of a document's relative links, without their anchors.
fn links(document: &str) -> Vec<String> {
    document
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split('#').next().unwrap_or_default().to_owned())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect()
}

#[test]
fn links_are_found() {
    let document = "See [one](a.md), [two](b/c.md#part), [here](#part) and [there](https://example.org/x).";
    assert_eq!(links(document), ["a.md", "b/c.md"]);
}
