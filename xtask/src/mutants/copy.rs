//! A copy of the workspace to be spoilt.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::list::Mutant;
use crate::shell::{cargo, program, root, step, target};

/// The copy. It is kept from run to run, so that only what has changed is built again.
pub(super) struct Copy {
    source: PathBuf,
    build: PathBuf,
}

impl Copy {
    /// Brings the copy up to date with the files that git tracks or would track.
    pub(super) fn of_the_workspace() -> Result<Self> {
        let folder = target().join("mutants");
        let copy = Self { source: folder.join("source"), build: folder.join("build") };
        let mut git = program("git");
        let listed = git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).output();
        let listed = listed.context("list the workspace's files: start git")?;
        ensure!(listed.status.success(), "git can't list the workspace's files");
        for name in listed.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            copy.refresh(Path::new(OsStr::from_bytes(name)))?;
        }
        Ok(copy)
    }

    fn refresh(&self, name: &Path) -> Result<()> {
        let Ok(current) = fs::read(root().join(name)) else { return Ok(()) };
        self.write(name, &current)
    }

    /// Leaves a file that is right as it is: to touch it would build it again.
    fn write(&self, name: &Path, contents: &[u8]) -> Result<()> {
        let path = self.source.join(name);
        if fs::read(&path).is_ok_and(|there| there == contents) {
            return Ok(());
        }
        let folder = path.parent().expect("a file in the copy has a folder");
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        fs::write(&path, contents).with_context(|| format!("write {}", path.display()))
    }

    /// Builds the simulator with a bug, and takes the bug out of the source again.
    pub(super) fn build_with(&self, mutant: &Mutant) -> Result<PathBuf> {
        let name = Path::new(&mutant.file);
        let path = root().join(name);
        let source = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        self.write(name, mutant.plant(&source)?.as_bytes())?;
        let mut build = cargo();
        build
            .current_dir(&self.source)
            .args(["build", "--quiet", "--release", "--locked", "-p", "quorate-sim", "--bin", "sim"])
            .env("CARGO_TARGET_DIR", &self.build)
            // Bugs leave warnings, and a mutant runs for seconds: what matters is how soon it is built.
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_INCREMENTAL", "true")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "none");
        let built = step(&format!("build with {}", mutant.name), &mut build);
        self.write(name, source.as_bytes())?;
        built?;
        let simulator = self.build.join("mutant");
        fs::copy(self.build.join("release/sim"), &simulator).context("keep the simulator")?;
        Ok(simulator)
    }
}
