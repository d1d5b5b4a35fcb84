//! The commands of the README: fenced `sh` blocks, one command a line unless it ends in a backslash.

use std::fmt;

/// Whose machine a command is typed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// `km$`
    Kunming,
    /// `ra$`
    Ruian,
    /// `$`: either, or a stranger.
    Either,
}

/// One command of the page.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// On whose machine.
    pub(crate) who: Who,
    /// The command, without prompt and remark.
    pub(crate) text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}$ {}", self.who, self.text)
    }
}

/// Commands of the page that stand without a prompt: the run of all checks runs them itself.
pub(crate) fn unprompted(readme: &str) -> Vec<&str> {
    let mut inside = false;
    let mut all = Vec::new();
    let mut goes_on = false;
    for row in readme.lines() {
        if row.starts_with("```") {
            inside = row == "```sh";
        } else if inside {
            let blank = row.trim().is_empty() || row.trim_start().starts_with('#');
            if !goes_on && !blank && prompt(row).is_none() {
                all.push(row);
            }
            goes_on = without_remark(row).trim_end().ends_with('\\');
        }
    }
    all
}

/// All commands that start with a prompt, in their order.
pub(crate) fn lines(readme: &str) -> Vec<Line> {
    let mut all = Vec::new();
    let (mut inside, mut open) = (false, false);
    for row in readme.lines() {
        if row.starts_with("```") {
            inside = row == "```sh";
            continue;
        }
        if !inside {
            continue;
        }
        let (text, goes_on) = match without_remark(row).trim_end().strip_suffix('\\') {
            Some(text) => (text.to_owned(), true),
            None => (without_remark(row), false),
        };
        if open {
            let last: &mut Line = all.last_mut().unwrap_or_else(|| unreachable!());
            last.text = format!("{} {}", last.text, text.trim());
        } else if let Some((who, text)) = prompt(&text) {
            all.push(Line { who, text: text.trim().to_owned() });
        } else {
            continue;
        }
        open = goes_on;
    }
    all
}

fn prompt(text: &str) -> Option<(Who, &str)> {
    [("km$", Who::Kunming), ("ra$", Who::Ruian), ("$", Who::Either)]
        .into_iter()
        .find_map(|(prompt, who)| Some((who, text.strip_prefix(prompt)?)))
}

/// Up to a `#` that stands after a blank, outside of quotes.
fn without_remark(row: &str) -> String {
    let (mut quote, mut before) = (None, ' ');
    for (at, c) in row.char_indices() {
        match (quote, c) {
            (None, '#') if before == ' ' => return row[..at].to_owned(),
            (None, '"' | '\'') => quote = Some(c),
            // What the reader fills in: <Kunming's fingerprint>.
            (None, '<') => quote = Some('>'),
            (Some(open), _) if open == c => quote = None,
            (None | Some(_), _) => {}
        }
        before = c;
    }
    row.to_owned()
}

#[test]
fn commands_are_found_with_their_ends() {
    let page =
        "```sh\n# a\nkm$ one --x 'a # b' # told\nra$ two \\\n     --three\nnone\n```\n$ no\n";
    let found: Vec<String> = lines(page).iter().map(ToString::to_string).collect();
    assert_eq!(found, ["Kunming$ one --x 'a # b'", "Ruian$ two --three"]);
}
