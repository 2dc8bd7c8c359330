//! Documents keep what they promise: relative links lead to files and headings that exist, code
//! fences are closed, and the commands that they name are commands.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::CommandFactory;

/// Folders that hold no documents of ours.
const SKIPPED: [&str; 6] = ["target", ".git", ".miq", "node_modules", "dbt_packages", "venv"];

/// Every fault in every Markdown file below `root`, one sentence each.
pub(super) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut files = Vec::new();
    find_documents(root, &mut files)?;
    files.sort();
    let commands = own_commands();
    let mut faults = Vec::new();
    for file in &files {
        let text =
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let shown = file.strip_prefix(root).unwrap_or(file).display();
        let document = Document::read(&text);
        let found =
            document.faults(file, root).into_iter().chain(document.unknown_commands(&commands));
        faults.extend(found.map(|(line, fault)| format!("{shown}:{line}: {fault}")));
    }
    Ok(faults)
}

fn find_documents(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name();
        let skipped = name.to_str().is_some_and(|name| SKIPPED.contains(&name));
        if entry.file_type()?.is_dir() {
            if !skipped {
                find_documents(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
    Ok(())
}

/// The subcommands of `cargo xtask`, from its own definition.
fn own_commands() -> BTreeSet<String> {
    crate::Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

/// What of a document can be checked, each with its line number.
#[derive(Debug, Default)]
struct Document {
    links: Vec<(usize, String)>,
    headings: BTreeSet<String>,
    commands: Vec<(usize, String)>,
    unclosed_fence: Option<usize>,
}

impl Document {
    fn read(text: &str) -> Self {
        let mut document = Self::default();
        let mut fence: Option<(usize, &str)> = None;
        for (number, line) in (1..).zip(text.lines()) {
            document.commands.extend(commands_in(line).map(|command| (number, command)));
            let trimmed = line.trim_start();
            let marker = ["```", "~~~"].into_iter().find(|marker| trimmed.starts_with(marker));
            match (fence, marker) {
                (None, Some(marker)) => fence = Some((number, marker)),
                (Some((_, open)), Some(marker)) if open == marker => fence = None,
                (Some(_), _) => {}
                (None, None) => {
                    if let Some(heading) = heading(line) {
                        document.headings.insert(anchor(heading));
                    }
                    document.links.extend(links_in(line).map(|link| (number, link)));
                }
            }
        }
        document.unclosed_fence = fence.map(|(number, _)| number);
        document
    }

    fn faults(&self, file: &Path, root: &Path) -> Vec<(usize, String)> {
        let mut faults = Vec::new();
        if let Some(number) = self.unclosed_fence {
            faults.push((number, "this code fence is never closed".to_owned()));
        }
        let folder = file.parent().unwrap_or(root);
        for (number, link) in &self.links {
            if let Some(fault) = self.fault_of(link, folder, root) {
                faults.push((*number, fault));
            }
        }
        faults
    }

    fn fault_of(&self, link: &str, folder: &Path, root: &Path) -> Option<String> {
        if ["http://", "https://", "mailto:"].iter().any(|scheme| link.starts_with(scheme)) {
            return None;
        }
        let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
        let target = match path.strip_prefix('/') {
            Some(from_root) => root.join(from_root),
            None => folder.join(path),
        };
        if !path.is_empty() && !target.exists() {
            return Some(format!("{link} leads nowhere"));
        }
        let known = if path.is_empty() {
            self.headings.contains(fragment)
        } else if fragment.is_empty() || target.extension().is_none_or(|e| e != "md") {
            true
        } else {
            fs::read_to_string(&target)
                .is_ok_and(|text| Self::read(&text).headings.contains(fragment))
        };
        (!known).then(|| format!("{link} names a heading that does not exist"))
    }

    fn unknown_commands(&self, known: &BTreeSet<String>) -> Vec<(usize, String)> {
        self.commands
            .iter()
            .filter(|(_, command)| !known.contains(command))
            .map(|(number, command)| (*number, format!("there is no `cargo xtask {command}`")))
            .collect()
    }
}

fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    (text.len() < line.len()).then(|| text.strip_prefix(' '))?
}

/// The anchor that a heading gets: lower case, punctuation gone, spaces as dashes.
fn anchor(heading: &str) -> String {
    heading
        .trim()
        .chars()
        .filter_map(|letter| match letter {
            ' ' => Some('-'),
            '-' | '_' => Some(letter),
            letter if letter.is_alphanumeric() => Some(letter.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

/// The targets of `[text](target)` outside code spans.
fn links_in(line: &str) -> impl Iterator<Item = String> {
    let prose: Vec<&str> = line.split('`').step_by(2).collect();
    let prose = prose.join("`");
    let mut links = Vec::new();
    let mut rest = prose.as_str();
    while let Some((_, after)) = rest.split_once("](") {
        let Some((target, after)) = after.split_once(')') else { break };
        links.push(target.split_whitespace().next().unwrap_or_default().to_owned());
        rest = after;
    }
    links.into_iter()
}

/// The subcommands that follow `cargo xtask`, in code or prose.
fn commands_in(line: &str) -> impl Iterator<Item = String> {
    line.split("cargo xtask ").skip(1).filter_map(|rest| {
        let word: String = rest
            .chars()
            .take_while(|letter| letter.is_ascii_lowercase() || *letter == '-')
            .collect();
        (!word.is_empty() && !word.starts_with('-')).then_some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(files: &[(&str, &str)]) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        check(root.path()).unwrap()
    }

    #[test]
    fn what_leads_somewhere_is_let_through() {
        let readme = "# The API\n[a](docs/api.md) [b](docs/api.md#two-words \"title\") [c](#the-api)\n\
                      [d](https://example.com/x) `[e](nowhere)`\n```sh\n[f](nowhere)\ncargo xtask demo\n```\n\
                      ![p](/docs/p.png) `cargo xtask test --only sql`\n";
        let files = [("README.md", readme), ("docs/api.md", "## Two words!\n"), ("docs/p.png", "")];
        assert_eq!(faults(&files), Vec::<String>::new());
    }

    #[test]
    fn dead_links_headings_fences_and_commands_are_named_with_their_line() {
        let text = "# One\n[a](gone.md)\n[b](#two)\n[c](other.md#three)\ncargo xtask fly\n```\n";
        assert_eq!(
            faults(&[("docs/a.md", text), ("docs/other.md", "# Four\n")]),
            [
                "docs/a.md:6: this code fence is never closed",
                "docs/a.md:2: gone.md leads nowhere",
                "docs/a.md:3: #two names a heading that does not exist",
                "docs/a.md:4: other.md#three names a heading that does not exist",
                "docs/a.md:5: there is no `cargo xtask fly`",
            ]
        );
    }

    #[test]
    fn anchors_are_made_as_code_hosts_make_them() {
        assert_eq!(anchor("Platform problems"), "platform-problems");
        assert_eq!(anchor("`POST /auth/signup` — public"), "post-authsignup--public");
    }
}
