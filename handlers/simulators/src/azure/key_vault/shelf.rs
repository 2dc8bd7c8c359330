//! The secrets that a vault keeps, with their versions and their deletion.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::{BusinessClock, SystemClock};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::refusal::Refusal;

/// <https://learn.microsoft.com/azure/key-vault/secrets/about-secrets>: 25 KB.
const LARGEST_VALUE: usize = 25 << 10;

/// <https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates>: 15 tags
/// of 512 characters each.
const MOST_TAGS: usize = 15;
const LONGEST_TAG: usize = 512;

/// All secrets, by their names in lower case: a vault does not tell cases apart.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    secrets: BTreeMap<String, Secret>,
    /// How long a deletion or recovery takes until it is complete.
    pub(super) settling: Duration,
    pub(super) purge_protected: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Secret {
    /// As it was first written.
    pub(super) name: String,
    /// Oldest first, never empty.
    pub(super) versions: Vec<Version>,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Live,
    Recovering { until: Instant },
    Deleted { at: i64, complete: Instant },
}

#[derive(Clone, Debug)]
pub(super) struct Version {
    /// 32 hexadecimal digits
    pub(super) id: String,
    pub(super) input: Input,
    /// Unix seconds, as all times here
    pub(super) created: i64,
    pub(super) updated: i64,
}

/// What a caller sets. Absent means: as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    pub(super) value: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) tags: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(super) attributes: Attributes,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Attributes {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
}

impl Version {
    pub(super) fn enabled(&self) -> bool {
        self.input.attributes.enabled.unwrap_or(true)
    }
}

impl Secret {
    pub(super) fn newest(&self) -> &Version {
        self.versions.last().expect("a secret is made with its first version")
    }

    /// When it was deleted, once the deletion is complete.
    pub(super) fn deleted_at(&self) -> Option<i64> {
        match self.state {
            State::Deleted { at, complete } if complete <= Instant::now() => Some(at),
            _ => None,
        }
    }

    fn live(&self) -> bool {
        match self.state {
            State::Live => true,
            State::Recovering { until } => until <= Instant::now(),
            State::Deleted { .. } => false,
        }
    }
}

impl Shelf {
    /// Adds a version.
    pub(super) fn set(&mut self, name: &str, input: Input) -> Result<&Secret, Refusal> {
        let size = input.value.as_ref().map(String::len).ok_or_else(|| {
            Refusal::BadParameter("The request body has no property value.".to_owned())
        })?;
        if size > LARGEST_VALUE {
            let message = format!("The value has {size} bytes, more than {LARGEST_VALUE}.");
            return Err(Refusal::BadParameter(message));
        }
        check_tags(&input)?;
        if let Some(secret) = self.secrets.get(&key(name)) {
            match secret.state {
                State::Deleted { .. } if secret.deleted_at().is_some() => {
                    return Err(Refusal::Deleted(secret.name.clone()));
                }
                State::Deleted { .. } => return Err(Refusal::BeingDeleted),
                State::Recovering { .. } if !secret.live() => return Err(Refusal::BeingRecovered),
                State::Recovering { .. } | State::Live => {}
            }
        }
        let now = SystemClock.now().timestamp();
        let version =
            Version { id: Uuid::new_v4().simple().to_string(), input, created: now, updated: now };
        let secret = self.secrets.entry(key(name)).or_insert_with(|| Secret {
            name: name.to_owned(),
            versions: Vec::new(),
            state: State::Live,
        });
        secret.versions.push(version);
        Ok(secret)
    }

    /// Changes what is not the value, of the newest version or the given one.
    pub(super) fn update(
        &mut self,
        name: &str,
        version: Option<&str>,
        change: Input,
    ) -> Result<(&Secret, &Version), Refusal> {
        check_tags(&change)?;
        let index = self.find(name, version)?;
        let secret = self.secrets.get_mut(&key(name)).ok_or_else(|| not_found(name))?;
        let kept = &mut secret.versions[index];
        let wanted = change.attributes;
        let attributes = &mut kept.input.attributes;
        attributes.enabled = wanted.enabled.or(attributes.enabled);
        attributes.nbf = wanted.nbf.or(attributes.nbf);
        attributes.exp = wanted.exp.or(attributes.exp);
        kept.input.tags = change.tags.or(kept.input.tags.take());
        kept.input.content_type = change.content_type.or(kept.input.content_type.take());
        kept.updated = SystemClock.now().timestamp();
        Ok((secret, &secret.versions[index]))
    }

    /// The newest version or the given one, with its value: not if it is disabled.
    pub(super) fn get(
        &self,
        name: &str,
        version: Option<&str>,
    ) -> Result<(&Secret, &Version), Refusal> {
        let index = self.find(name, version)?;
        let secret = self.secret(name)?;
        let version = &secret.versions[index];
        if version.enabled() { Ok((secret, version)) } else { Err(Refusal::Disabled) }
    }

    fn find(&self, name: &str, version: Option<&str>) -> Result<usize, Refusal> {
        let secret = self.secret(name)?;
        match version {
            None => Ok(secret.versions.len() - 1),
            Some(id) => secret
                .versions
                .iter()
                .position(|version| version.id == id)
                .ok_or_else(|| not_found(&format!("{name}/{id}"))),
        }
    }

    /// A secret that is not deleted.
    pub(super) fn secret(&self, name: &str) -> Result<&Secret, Refusal> {
        self.secrets.get(&key(name)).filter(|secret| secret.live()).ok_or_else(|| not_found(name))
    }

    /// Those that are not deleted, by name.
    pub(super) fn live(&self) -> impl Iterator<Item = &Secret> {
        self.secrets.values().filter(|secret| secret.live())
    }

    /// Those whose deletion is complete, by name.
    pub(super) fn deleted(&self) -> impl Iterator<Item = &Secret> {
        self.secrets.values().filter(|secret| secret.deleted_at().is_some())
    }

    /// Deletes softly: the versions can be recovered. Answers when, in Unix seconds.
    pub(super) fn delete(&mut self, name: &str) -> Result<(&Secret, i64), Refusal> {
        let complete = Instant::now() + self.settling;
        let secret = self.secrets.get_mut(&key(name)).filter(|secret| secret.live());
        let secret = secret.ok_or_else(|| not_found(name))?;
        let at = SystemClock.now().timestamp();
        secret.state = State::Deleted { at, complete };
        Ok((secret, at))
    }

    /// One whose deletion is complete, and when it was deleted.
    pub(super) fn deleted_secret(&self, name: &str) -> Result<(&Secret, i64), Refusal> {
        let secret = self.secrets.get(&key(name));
        let deleted = secret.and_then(|secret| Some((secret, secret.deleted_at()?)));
        deleted.ok_or_else(|| Refusal::NotDeleted(name.to_owned()))
    }

    /// Takes a deletion back.
    pub(super) fn recover(&mut self, name: &str) -> Result<&Secret, Refusal> {
        let until = Instant::now() + self.settling;
        let secret = self.deletion_complete(name)?;
        secret.state = State::Recovering { until };
        Ok(secret)
    }

    /// Deletes for good.
    pub(super) fn purge(&mut self, name: &str) -> Result<(), Refusal> {
        self.deletion_complete(name)?;
        if self.purge_protected {
            return Err(Refusal::PurgeProtected);
        }
        self.secrets.remove(&key(name));
        Ok(())
    }

    fn deletion_complete(&mut self, name: &str) -> Result<&mut Secret, Refusal> {
        match self.secrets.get_mut(&key(name)) {
            Some(secret) if secret.deleted_at().is_some() => Ok(secret),
            Some(Secret { state: State::Deleted { .. }, .. }) => Err(Refusal::BeingDeleted),
            _ => Err(Refusal::NotDeleted(name.to_owned())),
        }
    }
}

fn key(name: &str) -> String {
    name.to_ascii_lowercase()
}

fn not_found(name: &str) -> Refusal {
    Refusal::NotFound(name.to_owned())
}

fn check_tags(input: &Input) -> Result<(), Refusal> {
    let tags = input.tags.iter().flatten();
    if input.tags.as_ref().is_some_and(|tags| tags.len() > MOST_TAGS) {
        return Err(Refusal::BadParameter(format!("A secret has at most {MOST_TAGS} tags.")));
    }
    for (name, value) in tags {
        if name.chars().count() > LONGEST_TAG || value.chars().count() > LONGEST_TAG {
            let message = format!("A tag has at most {LONGEST_TAG} characters.");
            return Err(Refusal::BadParameter(message));
        }
    }
    Ok(())
}
