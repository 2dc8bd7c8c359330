//! Which texts a queue message may have: the same for every backend, so that nothing is sent
//! through one that another could not carry.

use domain::ports::StoreError;

/// As Azure Storage Queues, in bytes of UTF-8.
const MAX_TEXT: usize = 64 * 1024;

/// Azure carries texts in XML, which has no room for most control characters and turns a
/// carriage return into a line feed (XML 1.0, sections 2.2 and 2.11).
pub(crate) fn check_text(text: &str) -> Result<(), StoreError> {
    if text.len() > MAX_TEXT {
        return Err(StoreError::Invalid(format!(
            "a queue message holds at most {MAX_TEXT} bytes: send an id and store the rest"
        )));
    }
    match text.chars().find(|character| !is_carried(*character)) {
        None => Ok(()),
        Some(character) => Err(StoreError::Invalid(format!(
            "a queue message cannot hold the character U+{:04X}: escape it, as JSON does",
            u32::from(character)
        ))),
    }
}

fn is_carried(character: char) -> bool {
    match character {
        '\t' | '\n' => true,
        '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_carry_is_refused() {
        for text in ["a\0b", "\r\n", "\u{b}", "\u{1b}[0m", "\u{fffe}", "\u{ffff}"] {
            let checked = check_text(text);
            assert!(matches!(checked, Err(StoreError::Invalid(_))), "{text:?}: {checked:?}");
        }
        for text in ["", "\t\n", "<&>\"'", "größer 漢字 🚀", "\u{7f}\u{85}\u{fffd}"] {
            assert!(check_text(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn a_long_text_is_refused() {
        assert!(check_text(&"x".repeat(MAX_TEXT)).is_ok());
        let checked = check_text(&"x".repeat(MAX_TEXT + 1));
        assert!(matches!(checked, Err(StoreError::Invalid(_))), "{checked:?}");
    }
}
