//! Reads named values and collects what is wrong with them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Reads settings from a source, and remembers every fault.
pub(crate) struct Reader<'a> {
    source: &'a dyn Fn(&str) -> Option<String>,
    faults: Vec<String>,
}

/// All that is wrong with the settings, one sentence each.
#[derive(Debug)]
pub(crate) struct Faults(pub Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the settings are at fault:")?;
        for fault in &self.0 {
            write!(f, "\n  - {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl<'a> Reader<'a> {
    pub(crate) fn new(source: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { source, faults: Vec::new() }
    }

    /// What was read, unless something is at fault.
    pub(crate) fn finish<T>(self, read: Option<T>) -> Result<T, Faults> {
        match read {
            Some(read) if self.faults.is_empty() => Ok(read),
            _ => Err(Faults(self.faults)),
        }
    }

    /// Remembers what is wrong, in a sentence that begins with the setting's name.
    pub(crate) fn fault(&mut self, fault: String) {
        self.faults.push(fault);
    }

    /// The value, if it is set and not empty.
    pub(crate) fn optional(&mut self, name: &str) -> Option<String> {
        let value = (self.source)(name).filter(|value| !value.trim().is_empty())?;
        if value.starts_with("@Microsoft.KeyVault(") {
            self.faults.push(format!(
                "{name} is a Key Vault reference that did not resolve: check that the secret \
                 exists and that the app's identity may read it"
            ));
            return None;
        }
        Some(value)
    }

    pub(crate) fn optional_secret(&mut self, name: &str) -> Option<SecretString> {
        self.optional(name).map(SecretString::from)
    }

    pub(crate) fn required(&mut self, name: &str) -> Option<String> {
        let before = self.faults.len();
        let value = self.optional(name);
        if value.is_none() && self.faults.len() == before {
            self.faults.push(format!("{name} is not set; docs/settings.md says what it holds"));
        }
        value
    }

    pub(crate) fn required_secret(&mut self, name: &str) -> Option<SecretString> {
        self.required(name).map(SecretString::from)
    }

    /// What the given word, or `default`, stands for among the `known` ones.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        name: &str,
        default: &str,
        known: &[(&str, T)],
    ) -> Option<T> {
        let text = self.optional(name).unwrap_or_else(|| default.to_owned());
        let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
        self.check(name, &text, &words.join(" or "), |text| {
            known.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning)
        })
    }

    /// A PostgreSQL URL of this role, or of `role.project` as some poolers name it. Any other
    /// user is refused: a stronger one would see every tenant's rows.
    pub(crate) fn role_url(&mut self, name: &str, role: &str) -> Option<SecretString> {
        let given = self.required_secret(name)?;
        let user = Url::parse(given.expose_secret())
            .ok()
            .filter(|url| matches!(url.scheme(), "postgres" | "postgresql"))
            .map(|url| url.username().to_owned());
        // The URL holds a password, so it is not shown.
        match user {
            None => {
                let form = format!("postgres://{role}:password@host:port/database");
                self.fault(format!("{name} is not of the form {form}"));
                None
            }
            Some(user) if user.split('.').next() != Some(role) => {
                self.fault(format!("{name} signs in as {user:?}, and must as {role}"));
                None
            }
            Some(_) => Some(given),
        }
    }

    pub(crate) fn path_or(&mut self, name: &str, default: &str) -> PathBuf {
        self.optional(name).unwrap_or_else(|| default.to_owned()).into()
    }

    pub(crate) fn parsed_or<T: FromStr>(
        &mut self,
        name: &str,
        default: &str,
        expected: &str,
    ) -> Option<T> {
        let text = self.optional(name).unwrap_or_else(|| default.to_owned());
        self.check(name, &text, expected, |text| text.parse().ok())
    }

    pub(crate) fn check<T>(
        &mut self,
        name: &str,
        text: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = parse(text.trim());
        if value.is_none() {
            self.faults.push(format!("{name} is {text:?}, which is not {expected}"));
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(values: &[(&str, &str)]) -> Vec<String> {
        let source = |name: &str| {
            values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let mut reader = Reader::new(&source);
        let read = crate::settings::Settings::read(&mut reader);
        reader.finish(read).err().map(|faults| faults.0).unwrap_or_default()
    }

    #[test]
    fn all_faults_are_told_at_once_and_each_names_its_setting() {
        let told = faults(&[
            ("MIQ_DATABASE_APP_URL", "@Microsoft.KeyVault(SecretUri=https://v/secrets/x/)"),
            ("MIQ_DATABASE_TRANSFORM_URL", "postgres://postgres:hunter2@localhost/miq"),
            ("MIQ_LISTEN", "nowhere"),
            ("MIQ_SIGNUP", "everyone"),
            ("MIQ_GOOGLE_ADS_URL", "ftp://example.com"),
            ("MIQ_SCHEDULE_META_ADS", "every half hour"),
            ("MIQ_DATABASE_APP_CONNECTIONS", "1"),
            ("MIQ_DATABASE_TRANSFORM_CONNECTIONS", "101"),
            ("MIQ_DATABASE_API_CONNECTIONS", "0"),
        ]);
        for name in [
            "MIQ_DATABASE_APP_URL",
            "MIQ_DATABASE_TRANSFORM_URL",
            "MIQ_DATABASE_API_URL",
            "MIQ_LISTEN",
            "MIQ_SIGNUP",
            "MIQ_GOOGLE_ADS_URL",
            "MIQ_SCHEDULE_META_ADS",
            "MIQ_DATABASE_APP_CONNECTIONS",
            "MIQ_DATABASE_TRANSFORM_CONNECTIONS",
            "MIQ_DATABASE_API_CONNECTIONS",
        ] {
            let naming = told.iter().filter(|fault| fault.starts_with(name)).count();
            assert_eq!(naming, 1, "{name} in {told:?}");
        }
        assert_eq!(told.len(), 10, "{told:?}");
        assert!(!format!("{told:?}").contains("hunter2"), "a password is shown");
    }

    #[test]
    fn three_database_urls_are_enough() {
        let told = faults(&[
            ("MIQ_DATABASE_APP_URL", "postgres://miq_app:p@localhost/miq"),
            ("MIQ_DATABASE_TRANSFORM_URL", "postgresql://miq_transform.project:p@localhost/miq"),
            ("MIQ_DATABASE_API_URL", "postgres://miq_api:p@localhost/miq"),
        ]);
        assert!(told.is_empty(), "{told:?}");
    }
}
