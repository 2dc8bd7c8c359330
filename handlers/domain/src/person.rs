//! What people type: e-mail addresses, names, passwords. What parses may be stored and shown.

use std::fmt;
use std::str::FromStr;

use secrecy::SecretString;

/// Why a text was refused; says what to send instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    #[error("this is not an e-mail address: send one such as ada@agency.example")]
    Email,
    #[error("a name has 1 to 200 characters")]
    NameLength,
    #[error("control characters are not allowed here")]
    Control,
    #[error("a password has 12 to 128 characters")]
    PasswordLength,
}

/// An e-mail address, in lower case: two spellings of one mailbox are one person.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

impl EmailAddress {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidText;

    /// The dot-atom form of RFC 5322 at a domain of two labels or more, within the lengths of
    /// RFC 5321. Quoted local parts, comments and address literals are refused: no sign-up form
    /// sees them but from attackers.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (local, domain) = text.split_once('@').ok_or(InvalidText::Email)?;
        let local_is_valid = local.len() <= 64
            && local.split('.').all(|atom| {
                !atom.is_empty()
                    && atom.bytes().all(|byte| {
                        byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
                    })
            });
        let domain_is_valid = domain.contains('.')
            && domain.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            });
        if text.len() <= 254 && local_is_valid && domain_is_valid {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(InvalidText::Email)
        }
    }
}

/// Logs must not hold addresses.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress([hidden])")
    }
}

/// What a person, an organization or a tenant is called: trimmed, 1 to 200 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(String);

impl Name {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.chars().any(char::is_control) {
            return Err(InvalidText::Control);
        }
        if (1..=200).contains(&text.chars().count()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidText::NameLength)
        }
    }
}

/// A password that may be chosen: 12 to 128 characters, no other rules. NIST SP 800-63B §3.1.1.2
/// advises length and against rules of composition.
#[derive(Clone, Debug)]
pub struct NewPassword(SecretString);

impl NewPassword {
    pub fn secret(&self) -> &SecretString {
        &self.0
    }
}

impl FromStr for NewPassword {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.chars().any(char::is_control) {
            return Err(InvalidText::Control);
        }
        if (12..=128).contains(&text.chars().count()) {
            Ok(Self(SecretString::from(text)))
        } else {
            Err(InvalidText::PasswordLength)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_strict_and_in_one_case() {
        let parsed: EmailAddress = " Ada.Byron+ads@Agency.Example ".parse().unwrap();
        assert_eq!(parsed.as_str(), "ada.byron+ads@agency.example");
        assert!(!format!("{parsed:?}").contains("ada"));
        for wrong in [
            "",
            "ada",
            "@agency.example",
            "ada@",
            "ada@agency",
            "ada@@agency.example",
            "a@b@agency.example",
            ".ada@agency.example",
            "ada.@agency.example",
            "a..b@agency.example",
            "ada@-agency.example",
            "ada@agency-.example",
            "ada@agency..example",
            "a da@agency.example",
            "ada\0@agency.example",
            "ada@agency.example\n.evil.example",
            "\"ada\"@agency.example",
            "ada@[127.0.0.1]",
            "\u{e4}da@agency.example",
        ] {
            assert_eq!(wrong.parse::<EmailAddress>(), Err(InvalidText::Email), "{wrong:?}");
        }
        let long = format!("{}@agency.example", "a".repeat(65));
        assert_eq!(long.parse::<EmailAddress>(), Err(InvalidText::Email));
    }

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!("  J\u{f6}rg  ".parse::<Name>().unwrap().as_str(), "J\u{f6}rg");
        assert_eq!("   ".parse::<Name>(), Err(InvalidText::NameLength));
        assert_eq!("\u{f6}".repeat(201).parse::<Name>(), Err(InvalidText::NameLength));
        assert!("\u{f6}".repeat(200).parse::<Name>().is_ok());
        assert_eq!("a\0b".parse::<Name>(), Err(InvalidText::Control));
    }

    #[test]
    fn passwords_are_long_enough_and_not_endless() {
        let refused = |text: &str| text.parse::<NewPassword>().unwrap_err();
        assert_eq!(refused("eleven char"), InvalidText::PasswordLength);
        assert_eq!(refused(&"x".repeat(129)), InvalidText::PasswordLength);
        assert_eq!(refused("twelve chars\0"), InvalidText::Control);
        assert!("twelve chars".parse::<NewPassword>().is_ok());
        assert!("\u{1f511}".repeat(12).parse::<NewPassword>().is_ok());
    }
}
