//! What a demo remembers between runs: passwords and the port.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::deployment::{Passwords, secret};
use crate::workspace::write_private;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) port: Option<u16>,
    pub(super) database: Passwords,
    owner: String,
    analyst: String,
    viewer: String,
}

/// A person of the demo.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person<'a> {
    pub(super) email: &'static str,
    pub(super) name: &'static str,
    pub(super) password: &'a str,
    /// For those who read the list of logins.
    pub(super) what: &'static str,
}

impl State {
    /// What an earlier run wrote, or new secrets.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        let path = Self::path(folder);
        match std::fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)
                .with_context(|| format!("{} is damaged: start over with --fresh", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::new()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    pub(super) fn save(&self, folder: &Path) -> anyhow::Result<()> {
        let json = serde_json::to_string_pretty(self).context("the state can be written")?;
        write_private(&Self::path(folder), &json)
    }

    fn path(folder: &Path) -> PathBuf {
        folder.join("state.json")
    }

    fn new() -> Self {
        Self {
            port: None,
            database: Passwords::draw(),
            owner: secret(),
            analyst: secret(),
            viewer: secret(),
        }
    }

    /// Everyone who can log in, the owner first.
    pub(super) fn people(&self) -> [Person<'_>; 3] {
        [
            Person {
                email: "owner@agency.example",
                name: "Olivia Owner",
                password: &self.owner,
                what: "owns the agency: everything in both tenants",
            },
            Person {
                email: "analyst@agency.example",
                name: "Amir Analyst",
                password: &self.analyst,
                what: "analyst in both tenants: reads, syncs",
            },
            Person {
                email: "viewer@client.example",
                name: "Vera Viewer",
                password: &self.viewer,
                what: "viewer in the first tenant alone",
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = State::open(folder.path()).unwrap();
        state.port = Some(8_080);
        state.save(folder.path()).unwrap();
        let again = State::open(folder.path()).unwrap();
        assert_eq!(again.port, Some(8_080));
        assert_eq!(again.database.owner, state.database.owner);
        assert_ne!(again.database.owner, again.owner);
    }

    #[test]
    fn a_damaged_state_names_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("state.json"), "{").unwrap();
        let message = format!("{:#}", State::open(folder.path()).unwrap_err());
        assert!(message.contains("--fresh"), "{message}");
    }
}
