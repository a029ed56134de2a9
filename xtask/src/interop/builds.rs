//! What the suites need, fetched and built under the target folder: nothing is written beside the sources.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell::{cargo, program, root, step, succeeds, target};

/// The interpreter of a virtual environment with exactly what `requirements.txt` names, made when it is missing or old.
pub(super) fn python() -> Result<PathBuf> {
    let environment = target().join("interop-venv");
    let python = environment.join("bin/python");
    let requirements = root().join("interop/requirements.txt");
    let wanted =
        fs::read_to_string(&requirements).with_context(|| format!("read {}", requirements.display()))?;
    let installed = environment.join("requirements.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted)
        && succeeds(program(&python).arg("--version"))
    {
        return Ok(python);
    }
    step("make a Python environment", program("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    step(
        "install the Python clients",
        program(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&requirements),
    )?;
    fs::write(&installed, wanted).with_context(|| format!("write {}", installed.display()))?;
    Ok(python)
}

/// The folder where Maven has put the jars of ZooKeeper and Curator, and our programs that use them.
pub(crate) fn java() -> Result<PathBuf> {
    let build = target().join("interop-java");
    if is_newer(&build.join("built"), &root().join("interop/java"))? {
        return Ok(build);
    }
    step(
        "build the Java clients",
        program("mvn")
            .args(["--quiet", "--batch-mode", "package", "--file"])
            .arg(root().join("interop/java/pom.xml"))
            .arg(format!("-Dbuild.folder={}", build.display())),
    )?;
    fs::write(build.join("built"), "").context("mark the Java clients as built")?;
    Ok(build)
}

/// The folder where Maven has put the jars of RabbitMQ's load generator.
pub(crate) fn perf_test() -> Result<PathBuf> {
    let build = target().join("perf-test");
    if is_newer(&build.join("built"), &root().join("interop/perf-test"))? {
        return Ok(build.join("lib"));
    }
    step(
        "get RabbitMQ's load generator",
        program("mvn")
            .args(["--quiet", "--batch-mode", "package", "--file"])
            .arg(root().join("interop/perf-test/pom.xml"))
            .arg(format!("-Dbuild.folder={}", build.display())),
    )?;
    fs::write(build.join("built"), "").context("mark the load generator as fetched")?;
    Ok(build.join("lib"))
}

/// The program that does what it is told with quorate-recipes.
pub(super) fn data_driver() -> Result<PathBuf> {
    let example = ["-p", "quorate-recipes", "--example", "data_driver"];
    step("build the Rust data driver", cargo().args(["build", "--release", "--locked"]).args(example))?;
    Ok(target().join("release/examples/data_driver"))
}

/// The program that contends with quorate-recipes.
pub(super) fn contender() -> Result<PathBuf> {
    let example = ["-p", "quorate-recipes", "--example", "contender"];
    step("build the Rust contender", cargo().args(["build", "--release", "--locked"]).args(example))?;
    Ok(target().join("release/examples/contender"))
}

/// The program that uses lapin. It is of no workspace, and so is what it needs: nothing of that comes near the server.
pub(super) fn lapin() -> Result<PathBuf> {
    let build = target().join("interop-lapin");
    step(
        "build the lapin client",
        cargo()
            .args(["build", "--release", "--locked", "--manifest-path"])
            .arg(root().join("interop/lapin/Cargo.toml"))
            .arg("--target-dir")
            .arg(&build),
    )?;
    Ok(build.join("release/quorate-interop-lapin"))
}

/// The folder with the programs that use Go's client. Go itself knows what is up to date.
pub(crate) fn go() -> Result<PathBuf> {
    let build = target().join("interop-go");
    step(
        "build the Go client",
        program("go")
            .current_dir(root().join("interop/go"))
            .args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o"])
            // A folder, for each program under its own name.
            .arg(format!("{}/", build.display()))
            .arg("./..."),
    )?;
    Ok(build)
}

/// The program that loads a server with ZooKeeper's C client; `None`, and a line that says so, where there is no C compiler or
/// no such library. Nothing else here needs either.
pub(crate) fn c() -> Result<Option<PathBuf>> {
    let build = target().join("interop-c");
    fs::create_dir_all(&build).with_context(|| format!("make {}", build.display()))?;
    // Nothing but the header and the library, so that a mistake of ours is not taken for a lack.
    let is_there = succeeds(
        program("cc")
            .args([
                "-shared",
                "-include",
                "zookeeper/zookeeper.h",
                "-x",
                "c",
                "/dev/null",
                "-lzookeeper_mt",
                "-o",
            ])
            .arg(build.join("probe.so")),
    );
    if !is_there {
        eprintln!(
            "==> the C client is left out: no C compiler `cc`, or no libzookeeper_mt (on Debian: libzookeeper-mt-dev)"
        );
        return Ok(None);
    }
    let load = build.join("load");
    step(
        "build the C client",
        program("cc")
            .args([
                "-std=c11",
                "-O2",
                "-Wall",
                "-Wextra",
                "-Werror",
                "interop/c/load.c",
                "-lzookeeper_mt",
                "-o",
            ])
            .arg(&load),
    )?;
    Ok(Some(load))
}

/// The folder where npm has put what the program in `interop/node` needs, exactly as its lock file says.
pub(super) fn node() -> Result<PathBuf> {
    let build = target().join("interop-node");
    let lock_file = "package-lock.json";
    let source = root().join("interop/node");
    let wanted = fs::read_to_string(source.join(lock_file)).context("read the lock file of interop/node")?;
    let installed = build.join("installed");
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(build);
    }
    fs::create_dir_all(&build).with_context(|| format!("make {}", build.display()))?;
    for file in ["package.json", lock_file] {
        fs::copy(source.join(file), build.join(file))
            .with_context(|| format!("copy {file} of interop/node"))?;
    }
    step(
        "install the JavaScript client",
        program("npm").current_dir(&build).args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]),
    )?;
    fs::write(&installed, wanted).with_context(|| format!("write {}", installed.display()))?;
    Ok(build)
}

/// Whether `file` was written after everything in `folder`.
fn is_newer(file: &Path, folder: &Path) -> Result<bool> {
    let Ok(written) = fs::metadata(file).and_then(|metadata| metadata.modified()) else {
        return Ok(false);
    };
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("read {}", next.display()))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if entry.metadata()?.modified()? > written {
                return Ok(false);
            }
        }
    }
    Ok(true)
}
