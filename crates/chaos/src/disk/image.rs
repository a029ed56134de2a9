//! A disk of its own for a node: a sparse file, in memory if it need not fail, behind a loop device, with a real file
//! system on it.
//!
//! So a power cut is one: the file system is ended by the kernel's own means, without its journal being flushed, and what
//! it had not written to the device is lost. And a device whose writes fail is one whose file may not be written any more:
//! ext4 refuses each write to an immutable file. (A full memory file system would not do: when it takes a part of a write,
//! the loop device of newer kernels calls that a success, and the rest is lost without an error.)

use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{FallocateFlags, Mode, OFlags, fallocate, open, statvfs};

use super::FileSystem;
use crate::net::shut_down_file_system;
use crate::{shell, time};

/// XFS takes no less than 300 MB. Hardly any of it is ever used.
const IMAGE_BYTES: u64 = 640 << 20;
/// What may be used of it.
const MEMORY_BYTES: u64 = 704 << 20;
/// A file system may be in use for a moment after its last process has ended.
const UNMOUNT_TRIES: u32 = 100;
const UNMOUNT_PAUSE: Duration = Duration::from_millis(50);

/// A mounted image. It is unmounted when dropped.
#[derive(Debug)]
pub struct Image {
    file_system: FileSystem,
    store: PathBuf,
    file: PathBuf,
    mount: PathBuf,
    /// Where it pretends to be synced, if it lies.
    lie: Option<PathBuf>,
    in_memory: bool,
    frozen: bool,
}

impl Image {
    /// Makes one in `folder`, and mounts it. One that lies says that it synced and did not: with it a power cut loses what
    /// was acknowledged, and a check that does not see that is worth nothing.
    ///
    /// # Errors
    /// If a program is missing, or it may not be done.
    pub fn create(folder: &Path, file_system: FileSystem, lies: bool, in_memory: bool) -> Result<Self> {
        let (store, mount) = (folder.join("store"), folder.join("disk"));
        for folder in [&store, &mount] {
            std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        }
        if in_memory {
            let size = format!("size={MEMORY_BYTES},mode=700");
            shell::run("mount", &["-t", "tmpfs", "-o", &size, "quorate-chaos", path(&store)?])?;
        }
        let file = store.join("image");
        let lie = lies.then(|| folder.join("lie"));
        let image = Self { file_system, store, file, mount, lie, in_memory, frozen: false };
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC;
        let handle = open(&image.file, flags, Mode::RUSR | Mode::WUSR).context("make an image")?;
        rustix::fs::ftruncate(&handle, IMAGE_BYTES).context("size an image")?;
        let (program, quiet) = match file_system {
            FileSystem::Ext4 => ("mkfs.ext4", "-qF"),
            FileSystem::Xfs => ("mkfs.xfs", "-qf"),
        };
        shell::run(program, &[quiet, path(&image.file)?])?;
        image.attach()?;
        Ok(image)
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.lie.as_deref().unwrap_or(&self.mount)
    }

    /// Which file system it has.
    pub fn file_system(&self) -> FileSystem {
        self.file_system
    }

    /// Cuts the power: from now on nothing gets to the disk. True if a write fails afterwards, as it must.
    ///
    /// # Errors
    /// If the file system can't do that.
    pub fn cut(&self) -> Result<bool> {
        let folder = open(&self.mount, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .with_context(|| format!("open {}", self.mount.display()))?;
        shut_down_file_system(&folder).context("end a file system without a flush")?;
        Ok(std::fs::write(self.mount.join("after-the-cut"), b"?").is_err())
    }

    /// Takes it off and on again, as a restart of the machine does. Nobody may use it.
    ///
    /// # Errors
    /// If somebody uses it, or what is on it is no file system any more.
    pub fn remount(&mut self) -> Result<()> {
        self.detach()?;
        self.attach()
    }

    /// Uses up all that is free on the disk.
    ///
    /// # Errors
    /// If that can't be done.
    pub fn fill(&self) -> Result<()> {
        fill(&self.mount.join("ballast"))
    }

    /// Frees it again.
    ///
    /// # Errors
    /// If that can't be done.
    pub fn unfill(&self) -> Result<()> {
        std::fs::remove_file(self.mount.join("ballast")).context("free a full disk")
    }

    /// From now on the device fails every write.
    ///
    /// # Errors
    /// If its file is in memory, or otherwise not on an ext4 that refuses to write to it.
    pub fn break_device(&self) -> Result<()> {
        ensure!(!self.in_memory, "a disk in memory can't be made to fail");
        let file = std::fs::OpenOptions::new().write(true).open(&self.file).context("open an image")?;
        shell::run("chattr", &["+i", path(&self.file)?])?;
        // Where nothing is: even if it works no harm is done.
        let refused = file.write_at(&[0], IMAGE_BYTES).is_err();
        ensure!(refused, "{} is not on ext4, so its device can't be made to fail", self.file.display());
        Ok(())
    }

    /// The device can write again.
    ///
    /// # Errors
    /// If that can't be done.
    pub fn mend_device(&self) -> Result<()> {
        shell::run("chattr", &["-i", path(&self.file)?]).map(drop)
    }

    /// Writes wait from now on.
    ///
    /// # Errors
    /// If that can't be done.
    pub fn freeze(&mut self) -> Result<()> {
        self.frozen = true;
        shell::run("fsfreeze", &["--freeze", path(&self.mount)?]).map(drop)
    }

    /// Writes go on.
    pub fn thaw(&mut self) {
        if std::mem::take(&mut self.frozen) {
            shell::try_run("fsfreeze", &["--unfreeze", &self.mount.to_string_lossy()]);
        }
    }

    /// The numbers of its loop device, `MAJOR:MINOR`.
    ///
    /// # Errors
    /// If it is not mounted.
    pub fn device_numbers(&self) -> Result<String> {
        let found = shell::run("findmnt", &["--noheadings", "--output", "MAJ:MIN", path(&self.mount)?])?;
        Ok(found.trim().to_owned())
    }

    fn attach(&self) -> Result<()> {
        self.mount_image()?;
        self.lie.as_deref().map_or(Ok(()), |lie| self.mount_lie(lie))
    }

    /// An overlay that is mounted as volatile passes no sync on to what is below it.
    fn mount_lie(&self, lie: &Path) -> Result<()> {
        let [below, above, work] = ["below", "above", "work"].map(|name| self.mount.join(name));
        if work.exists() {
            // It refuses what it may have harmed; that is what it is here for.
            std::fs::remove_dir_all(&work).with_context(|| format!("remove {}", work.display()))?;
        }
        for folder in [&below, &above, &work, &lie.to_owned()] {
            std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        }
        let [below, above, work] = [path(&below)?, path(&above)?, path(&work)?];
        let how = format!("lowerdir={below},upperdir={above},workdir={work},volatile");
        shell::run("mount", &["-t", "overlay", "-o", &how, "quorate-chaos", path(lie)?]).map(drop)
    }

    fn mount_image(&self) -> Result<()> {
        let mount = || {
            let kind = self.file_system.name();
            shell::run("mount", &["-t", kind, "-o", "loop", path(&self.file)?, path(&self.mount)?])
        };
        if mount().is_ok() {
            return Ok(());
        }
        // After failed writes the file system may want to be looked through first.
        let (program, how) = match self.file_system {
            FileSystem::Ext4 => ("e2fsck", "-fy"),
            FileSystem::Xfs => ("xfs_repair", "-v"),
        };
        shell::try_run(program, &[how, path(&self.file)?]);
        mount().map(drop)
    }

    fn detach(&mut self) -> Result<()> {
        self.thaw();
        self.lie.as_deref().map_or(Ok(()), unmount)?;
        unmount(&self.mount)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        self.thaw();
        if !self.in_memory {
            shell::try_run("chattr", &["-i", &self.file.to_string_lossy()]);
        }
        for mount in self.lie.iter().chain([&self.mount, &self.store]) {
            shell::try_run("umount", &["--lazy", &mount.to_string_lossy()]);
        }
    }
}

fn unmount(folder: &Path) -> Result<()> {
    for _ in 0..UNMOUNT_TRIES {
        if shell::run("umount", &[path(folder)?]).is_ok() {
            return Ok(());
        }
        time::nap(UNMOUNT_PAUSE);
    }
    bail!("{} can't be unmounted: somebody uses it", folder.display())
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is no UTF-8", path.display()))
}

/// A file that takes all space that is left where it is.
fn fill(file: &Path) -> Result<()> {
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC;
    let handle: OwnedFd = open(file, flags, Mode::RUSR | Mode::WUSR).context("make a ballast")?;
    let mut bytes = 0;
    // What is free shrinks faster than what is asked for: metadata takes some too.
    for _ in 0..64 {
        let free = statvfs(file).context("ask for free space")?;
        let mut piece = free.f_bfree * free.f_frsize;
        while piece >= free.f_frsize && fallocate(&handle, FallocateFlags::empty(), bytes, piece).is_err() {
            piece /= 2;
        }
        if piece < free.f_frsize {
            return Ok(());
        }
        bytes += piece;
    }
    Ok(())
}
