//! `docs/zookeeper.md` names the tests of what it promises: they must be there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::shell::root;

/// The text of all tests with this file name, without its ending.
fn collect(folder: &Path, sources: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|ending| ending == "rs" || ending == "py") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            sources.entry(name).or_default().push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn the_tests_that_the_table_of_features_names_are_there() {
    let mut sources = BTreeMap::new();
    collect(&root().join("crates"), &mut sources);
    collect(&root().join("interop/tests"), &mut sources);
    let table = fs::read_to_string(root().join("docs/zookeeper.md")).unwrap();
    let names: Vec<_> = table.split('`').filter_map(|quoted| quoted.split_once("::")).collect();
    assert!(names.len() > 40, "{} tests are named", names.len());
    for (file, test) in names {
        let source = sources.get(file).unwrap_or_else(|| panic!("there are no tests called {file}"));
        let is_there = ["fn ", "def "].iter().any(|word| source.contains(&format!("{word}{test}(")));
        assert!(is_there, "{file} has no test {test}");
    }
}
