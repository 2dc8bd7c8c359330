//! Who runs PostgreSQL when root may not.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

/// An account without privileges that every system has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    name: String,
    user: u32,
    group: u32,
}

impl Account {
    /// The account to change to; `None` for an ordinary user, who runs PostgreSQL directly.
    pub(super) fn needed() -> anyhow::Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let passwd = std::fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        Self::choose(&passwd).map(Some).context(
            "PostgreSQL refuses to run as root, and there is no account `postgres` or `nobody` to \
             run it as: run this as an ordinary user",
        )
    }

    fn choose(passwd: &str) -> Option<Self> {
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|wanted| passwd.lines().filter_map(Self::parse).find(|a| a.name == wanted))
    }

    /// `name:password:user id:group id:…`
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let user = fields.nth(1)?.parse().ok().filter(|id| *id != 0)?;
        let group = fields.next()?.parse().ok()?;
        Some(Self { name, user, group })
    }

    pub(super) fn runs(&self, command: &mut Command) {
        command.uid(self.user).gid(self.group);
    }

    pub(super) fn owns(&self, path: &Path) -> anyhow::Result<()> {
        std::os::unix::fs::chown(path, Some(self.user), Some(self.group))
            .with_context(|| format!("cannot give {} to {}", path.display(), self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
                          nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n\
                          postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/sh\n";

    #[test]
    fn postgres_is_preferred_to_nobody() {
        let chosen = Account::choose(PASSWD).unwrap();
        assert_eq!(chosen, Account { name: "postgres".to_owned(), user: 101, group: 104 });
        let without = PASSWD.lines().take(2).collect::<Vec<_>>().join("\n");
        assert_eq!(Account::choose(&without).unwrap().user, 65_534);
    }

    #[test]
    fn an_account_with_roots_id_is_no_escape_from_root() {
        assert_eq!(Account::choose("postgres:x:0:0::/:/bin/sh\n"), None);
        assert_eq!(Account::choose("broken line\nnobody:x:-2:-2::/:/bin/sh\n"), None);
    }
}
