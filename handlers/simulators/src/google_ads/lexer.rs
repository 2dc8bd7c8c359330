//! The words of a query.

use super::errors::Failure;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, keyword or number.
    Word(String),
    Quoted(String),
    /// `,` `(` `)` `=` `!=` `<` `<=` `>` `>=`
    Sign(&'static str),
}

const SIGNS: [&str; 9] = ["!=", "<=", ">=", ",", "(", ")", "=", "<", ">"];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Failure> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else if first == '\'' || first == '"' {
            let body = &rest[1..];
            let end = body.find(first).ok_or_else(|| {
                Failure::query(
                    "STRING_NOT_TERMINATED",
                    "Error in query: a quoted value does not end.",
                )
            })?;
            tokens.push(Token::Quoted(body[..end].to_owned()));
            rest = &body[end + 1..];
        } else {
            let is_word = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
            let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
            if end == 0 {
                return Err(Failure::query(
                    "BAD_SYMBOL",
                    format!("Error in query: unexpected input {first}."),
                ));
            }
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}
