//! `mutants.toml`.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::shell::root;

/// A bug, as edits of one file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mutant {
    pub(super) name: String,
    /// What is wrong with it, as a phrase.
    pub(super) bug: String,
    /// From the workspace's folder.
    pub(super) file: String,
    find: String,
    replace: String,
    #[serde(default)]
    also: Vec<Edit>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    find: String,
    replace: String,
}

#[derive(Deserialize)]
struct File {
    mutant: Vec<Mutant>,
}

pub(super) fn read() -> Result<Vec<Mutant>> {
    let path = root().join("xtask/mutants.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let file: File = toml::from_str(&text).with_context(|| format!("read {}", path.display()))?;
    Ok(file.mutant)
}

impl Mutant {
    /// The source with the bug in it. What is to be replaced must be there exactly once, so that no edit goes stale unseen.
    pub(super) fn plant(&self, source: &str) -> Result<String> {
        let mut planted = edit(source, &self.find, &self.replace, self)?;
        for also in &self.also {
            planted = edit(&planted, &also.find, &also.replace, self)?;
        }
        Ok(planted)
    }
}

fn edit(source: &str, find: &str, replace: &str, mutant: &Mutant) -> Result<String> {
    let count = source.matches(find).count();
    ensure!(
        count == 1,
        "mutant {}: what it replaces is {count} times in {}; adapt xtask/mutants.toml",
        mutant.name,
        mutant.file
    );
    Ok(source.replacen(find, replace, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_can_be_planted() {
        let all = read().unwrap();
        assert!(all.len() >= 20);
        for mutant in &all {
            let source = fs::read_to_string(root().join(&mutant.file)).unwrap();
            assert_ne!(mutant.plant(&source).unwrap(), source, "{}", mutant.name);
        }
    }

    #[test]
    fn names_are_unique() {
        let all = read().unwrap();
        let names: std::collections::BTreeSet<_> = all.iter().map(|mutant| &mutant.name).collect();
        assert_eq!(names.len(), all.len());
    }
}
