//! What the Bicep files say, as far as tests compare it with the binary. They are read as text:
//! the real compiler is not at hand everywhere.

use std::collections::BTreeMap;
use std::path::Path;

/// A file of the repository.
pub(crate) fn text_of(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The app settings of the function app: names, and the expressions of their values. Those that a
/// parameter switches on are among them.
pub(crate) fn app_settings() -> BTreeMap<String, String> {
    let app = text_of("infra-bicep/modules/function-app.bicep");
    let mut settings = BTreeMap::new();
    let mut inside = false;
    for line in app.lines() {
        if line.starts_with("var ") {
            inside = line.contains("Settings = ");
        } else if !line.starts_with(' ') && !line.trim().is_empty() {
            inside = false;
        }
        let named = line.trim().split_once(": ").filter(|(name, _)| inside && is_name(name));
        if let Some((name, value)) = named {
            let before = settings.insert(name.to_owned(), value.to_owned());
            assert_eq!(before, None, "{name} is given twice");
        }
    }
    let given = app.lines().filter(|line| line.contains("Settings = ")).count();
    let united = app.lines().find(|line| line.contains("properties: union(")).expect("a union");
    assert_eq!(united.matches("Settings").count(), given, "settings that nobody passes on");
    settings
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The strings of `var name = [ … ]` in `text`, one a line.
pub(crate) fn list(text: &str, name: &str) -> Vec<String> {
    let begin = format!("var {name} = [");
    let rest = text.split_once(&begin).unwrap_or_else(|| panic!("no {begin}")).1;
    let (items, _) = rest.split_once("\n]").expect("an end of the list");
    items.split_whitespace().map(unquoted).collect()
}

/// `'text'` without its quotes.
pub(crate) fn unquoted(expression: &str) -> String {
    let text = expression.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    text.unwrap_or_else(|| panic!("{expression} is not a plain string")).to_owned()
}

/// The secret that a Key Vault reference is about.
pub(crate) fn secret(expression: &str) -> Option<&str> {
    expression
        .strip_prefix("'@Microsoft.KeyVault(SecretUri=${secretUri}")
        .and_then(|rest| rest.strip_suffix("/)'"))
}
