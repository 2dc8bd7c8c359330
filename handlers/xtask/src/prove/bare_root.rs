//! A root folder that holds a C library and nothing else, and how a process is shut into it.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::provision::on_path;
use crate::workspace::remove_folder;

/// What glibc consists of, its loader first.
const RUNTIME: [&str; 10] = [
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libnss_dns.so.2",
    "libnss_files.so.2",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
];

/// Where systems keep it: Debian, Red Hat.
const PLACES: [&str; 4] =
    ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64"];

/// Where Azure unpacks a function app.
pub(super) const APP: &str = "home/site/wwwroot";

/// Where OpenSSL of Debian has its authorities, and others look too.
const AUTHORITIES: &str = "etc/ssl/certs/ca-certificates.crt";

/// A folder that is some process's root.
pub(super) struct BareRoot {
    folder: PathBuf,
    isolation: Isolation,
}

/// How a process gets another root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Isolation {
    /// As root.
    Root,
    /// As the root of a user namespace of its own.
    UserNamespace,
    Bubblewrap,
}

/// An error where the package cannot run at all.
pub(super) fn check_platform() -> anyhow::Result<()> {
    if cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        return Ok(());
    }
    bail!("the package runs on Linux on 64-bit x86 alone: prove it there, where glibc is")
}

impl BareRoot {
    /// Makes the folder anew, with this machine's glibc, the authorities that processes in it
    /// trust, and an empty folder for the app.
    pub(super) fn make(folder: PathBuf, authorities: &Path) -> anyhow::Result<Self> {
        remove_folder(&folder)?;
        for name in ["tmp", APP] {
            fs::create_dir_all(folder.join(name))
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        for name in RUNTIME {
            let found = PLACES.iter().map(|place| Path::new(place).join(name)).find(|p| p.exists());
            match found {
                Some(found) => copy(&found, &folder.join(found.strip_prefix("/")?))?,
                // Newer versions have put some of them into libc.so.6.
                None if !["ld-linux-x86-64.so.2", "libc.so.6"].contains(&name) => {}
                None => bail!("this machine has no {name}: use one with glibc"),
            }
        }
        // The loader's path is part of every binary.
        let loader = Path::new("lib64/ld-linux-x86-64.so.2");
        if !folder.join(loader).exists() {
            let target = fs::canonicalize(Path::new("/").join(loader))?;
            copy(&target, &folder.join(loader))?;
        }
        copy(authorities, &folder.join(AUTHORITIES))?;
        Ok(Self { folder, isolation: Isolation::Root })
    }

    /// Where the app's files go.
    pub(super) fn app(&self) -> PathBuf {
        self.folder.join(APP)
    }

    /// Finds a way in which this user may start `program`, a path inside.
    pub(super) fn choose_isolation(mut self, program: &str) -> anyhow::Result<Self> {
        let mut refused = String::new();
        for isolation in [Isolation::Root, Isolation::UserNamespace, Isolation::Bubblewrap] {
            self.isolation = isolation;
            let Ok(mut command) = self.command(program) else { continue };
            command.arg("--version").env_clear().stdin(Stdio::null());
            let output = command.output().context("cannot start a program")?;
            if output.status.success() {
                return Ok(self);
            }
            let said = String::from_utf8_lossy(&output.stderr);
            write!(refused, "\n  {isolation:?}: {}", said.trim())?;
        }
        bail!(
            "nothing lets this user start a program in another root: run this as root, allow \
             user namespaces, or install bubblewrap. Tried:{refused}"
        )
    }

    /// A program inside, to be started.
    pub(super) fn command(&self, program: &str) -> anyhow::Result<Command> {
        let found = |name: &str| {
            on_path(name).into_iter().next().with_context(|| format!("there is no {name}"))
        };
        let mut command = if self.isolation == Isolation::Bubblewrap {
            let mut command = Command::new(found("bwrap")?);
            command.args(["--unshare-user", "--die-with-parent", "--bind"]);
            command.arg(&self.folder).arg("/");
            command
        } else {
            let mut command = Command::new(found("unshare")?);
            if self.isolation == Isolation::UserNamespace {
                command.arg("--map-root-user");
            }
            command.arg("--root").arg(&self.folder);
            command
        };
        command.arg(program);
        Ok(command)
    }
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let copy = || -> std::io::Result<()> {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(from, to)?;
        Ok(())
    };
    copy().with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

#[cfg(all(test, target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod tests {
    use super::*;

    #[test]
    fn a_bare_root_has_a_loader_and_authorities_and_no_shell() {
        let parent = tempfile::tempdir().unwrap();
        let authorities = parent.path().join("bundle.pem");
        fs::write(&authorities, "-----BEGIN CERTIFICATE-----").unwrap();
        let folder = parent.path().join("root");
        let root = BareRoot::make(folder.clone(), &authorities).unwrap();
        assert!(folder.join("lib64/ld-linux-x86-64.so.2").is_file());
        assert!(folder.join(AUTHORITIES).is_file());
        assert!(root.app().is_dir());
        let Err(refused) = root.choose_isolation("/bin/sh") else {
            panic!("a shell was found in the bare root");
        };
        assert!(refused.to_string().contains("user namespaces"), "{refused}");
    }
}
