//! The last guard: what must never be in a log is cut out of it, should it get that far.

/// `text` without queries and credentials of URLs, and without e-mail addresses; `None` if it
/// holds none of them.
pub(super) fn redacted(text: &str) -> Option<String> {
    if !text.contains("://") && !text.contains('@') {
        return None;
    }
    let cut: String = text.split_inclusive(ends_word).map(word).collect();
    (cut != text).then_some(cut)
}

/// Characters that neither a URL nor an address goes on after.
fn ends_word(character: char) -> bool {
    character.is_whitespace() || matches!(character, '"' | '\'' | '`' | '<' | '>' | '\\')
}

fn word(word: &str) -> String {
    match word.split_once("://") {
        Some((scheme, rest)) => {
            let mut cut = without_addresses(scheme);
            cut.push_str("://");
            cut.push_str(&url(rest));
            cut
        }
        None => without_addresses(word),
    }
}

/// What follows the scheme: host and path alone, and what ended the word.
fn url(rest: &str) -> String {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match path.split_once('?') {
        Some((path, query)) => {
            let after = query.chars().next_back().filter(|last| ends_word(*last));
            let after = after.map(String::from).unwrap_or_default();
            format!("{host}{}?…{after}", without_addresses(path))
        }
        None => format!("{host}{}", without_addresses(path)),
    }
}

fn without_addresses(mut text: &str) -> String {
    let mut cut = String::new();
    while let Some(at) = text.find('@') {
        let (before, after) = (&text[..at], &text[at + 1..]);
        let local = before
            .rfind(|c| !is_local(c))
            .map_or(0, |end| end + before[end..].chars().next().map_or(0, char::len_utf8));
        let domain = after.find(|c| !is_domain(c)).unwrap_or(after.len());
        // `image@sha256:…` is none.
        if local < at && after[..domain].trim_matches('.').contains('.') {
            cut.push_str(&text[..local]);
            cut.push_str("[e-mail]");
        } else {
            cut.push_str(&text[..at + 1 + domain]);
        }
        text = &after[domain..];
    }
    cut.push_str(text);
    cut
}

fn is_local(character: char) -> bool {
    character.is_alphanumeric() || ".!#$%&*+-/=?^_{|}~".contains(character)
}

fn is_domain(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '.' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_credentials_and_addresses_are_cut_out() {
        for (text, expected) in [
            (
                "GET https://a.example/x?token=s%20x&b=(c) failed",
                "GET https://a.example/x?… failed",
            ),
            ("for url (https://a.example/x?y=z)", "for url (https://a.example/x?…"),
            ("https://a.example?y=z", "https://a.example?…"),
            ("\"https://a.example/?y\",\"b\"", "\"https://a.example/?…\",\"b\""),
            ("postgres://miq:p@ss@db.example:5432/miq", "postgres://db.example:5432/miq"),
            ("rediss://:s3cret@cache.example", "rediss://cache.example"),
            ("olivia@example.com has left", "[e-mail] has left"),
            ("(o.wner+x@mail.example.com): no", "([e-mail]): no"),
            ("https://a.example/people/olivia@example.com", "https://a.example[e-mail]"),
            ("żółć@przykład.pl", "[e-mail]"),
            ("a@b.example, c@d.example.", "[e-mail], [e-mail]"),
        ] {
            assert_eq!(redacted(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for text in [
            "",
            "done",
            "what? why",
            "https://a.example/x",
            "@",
            "user @ home.",
            "@everyone",
            "dbt@sha256:1",
        ] {
            assert_eq!(redacted(text), None, "{text}");
        }
    }
}
