//! A page: blocks one below the other, each words, links or a form.

use super::guest::Guest;
use super::tongue::{Para, Tongue};
use crate::console::form::{Input, Kind};
use crate::console::frame::show_as;
use crate::console::posted::Form;
use crate::paper::{HOTLINES, Hotline};
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

/// What stands around a page.
pub(crate) struct Frame {
    pub(crate) tongue: Tongue,
    pub(crate) city: String,
    pub(crate) title: String,
    /// A case number in the title: it is not broken over two lines.
    pub(crate) whole: String,
    pub(crate) csrf: String,
    pub(crate) path: String,
    pub(crate) is_open: bool,
    /// Field and what is wrong with it.
    pub(crate) wrong: Vec<(String, String)>,
}

impl Frame {
    pub(crate) fn w(&self, key: &str) -> &'static str {
        self.tongue.w(key)
    }

    /// The title before, in and after the case number.
    pub(crate) fn heading(&self) -> (&str, &str, &str) {
        let parts = self.title.split_once(&self.whole).filter(|_| !self.whole.is_empty());
        parts.map_or((&self.title, "", ""), |(first, last)| (first, &self.whole, last))
    }

    pub(crate) fn tongues(&self) -> [Tongue; 3] {
        Tongue::ALL
    }

    pub(crate) fn hotlines(&self) -> Vec<(&'static str, String)> {
        let line = |line: &Hotline| (line.number, self.tongue.of(line.who.zh, line.who.en));
        HOTLINES.iter().map(line).collect()
    }
}

/// Questions and a button.
#[derive(Default)]
pub(crate) struct Ask {
    pub(crate) action: &'static str,
    pub(crate) button: &'static str,
    pub(crate) inputs: Vec<Input>,
    pub(crate) hidden: Vec<(String, String)>,
    /// A button of less weight.
    pub(crate) second: bool,
}

impl Ask {
    pub(crate) fn button(action: &'static str, button: &'static str) -> Ask {
        Ask { action, button, second: true, ..Ask::default() }
    }
}

/// A part of a page.
#[derive(Default)]
pub(crate) struct Block {
    pub(crate) class: &'static str,
    pub(crate) heading: String,
    pub(crate) paras: Vec<Para>,
    pub(crate) asks: Vec<Ask>,
    /// Address and words.
    pub(crate) links: Vec<(&'static str, &'static str)>,
}

impl Block {
    pub(crate) fn link(href: &'static str, label: &'static str) -> Block {
        Block { links: vec![(href, label)], ..Block::default() }
    }

    /// A paragraph, or none of an empty text.
    pub(crate) fn text(text: impl Into<String>) -> Block {
        Block { paras: vec![Para::own(text)], ..Block::default() }
    }
}

/// A page.
#[derive(Template)]
#[template(path = "worker/page.html")]
pub(crate) struct Page {
    pub(crate) f: Frame,
    pub(crate) blocks: Vec<Block>,
}

impl Page {
    pub(crate) fn new(guest: &Guest, title: impl Into<String>) -> Page {
        let f = Frame {
            tongue: guest.tongue,
            city: guest.pages.config.city.clone(),
            title: title.into(),
            whole: guest.typed.as_ref().map_or(String::new(), |typed| typed.case.clone()),
            csrf: guest.csrf(),
            path: guest.path.clone(),
            is_open: guest.typed.is_some(),
            wrong: Vec::new(),
        };
        Page { f, blocks: Vec::new() }
    }

    /// With 422 where something is wrong.
    pub(crate) fn show(mut self) -> Response {
        let asks = self.blocks.iter().flat_map(|block| &block.asks);
        let wrong = asks.flat_map(|ask| &ask.inputs).filter(|input| !input.wrong.is_empty());
        self.f.wrong = wrong.map(|input| (input.name.clone(), input.wrong.clone())).collect();
        let bad = !self.f.wrong.is_empty();
        self.show_as(if bad { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK })
    }

    pub(crate) fn show_as(&self, status: StatusCode) -> Response {
        show_as(status, self)
    }
}

/// Takes what was entered into the questions; whether all is well.
pub(crate) fn taken(inputs: &mut [Input], form: &Form, tongue: Tongue) -> bool {
    let mut good = true;
    for input in inputs {
        let name = input.name.clone();
        input.value = form.get(&name).to_owned();
        input.chosen = form.all(&name).map(str::to_owned).collect();
        let options = input.options();
        let known = |given: &String| options.iter().any(|(value, _, _)| value == given);
        let unknown = !options.is_empty() && input.chosen.iter().any(|given| !known(given));
        let missing = input.needed && input.value.is_empty();
        if unknown || missing {
            input.wrong = tongue.fill("error.me_missing", &[&input.label]);
            good = false;
        }
    }
    good
}

/// Case number and code.
pub(crate) fn case_and_code(tongue: Tongue, slip: bool) -> Vec<Input> {
    let (label, hint) = match slip {
        true => ("start.slip_code", "start.slip_hint"),
        false => ("start.code", "start.code_hint"),
    };
    vec![
        Input::new("case", tongue.w("start.case"), Kind::Digits).hint(tongue.w("start.case_hint")),
        Input::new("code", tongue.w(label), Kind::Digits).hint(tongue.w(hint)),
    ]
}

/// Yes and no for every number, none of them chosen.
pub(crate) fn yes_or_no(name: &str, label: String, tongue: Tongue) -> Input {
    let words = [("yes", "question.yes"), ("no", "question.no")];
    let words = words.map(|(value, key)| (value.to_owned(), tongue.w(key).to_owned()));
    Input::new(name, label, Kind::Radio(words.to_vec())).optional()
}

#[cfg(test)]
mod tests {
    use super::Frame;
    use crate::worker::tongue::Tongue;

    #[test]
    fn a_case_number_in_a_title_stands_apart() {
        let titled = |title: String, whole: &str| Frame {
            tongue: Tongue::Ar,
            city: String::new(),
            title,
            whole: whole.to_owned(),
            csrf: String::new(),
            path: String::new(),
            is_open: true,
            wrong: Vec::new(),
        };
        let frame = titled(Tongue::Ar.fill("mine.title", &["2026-000001"]), "2026-000001");
        let (first, whole, last) = frame.heading();
        assert_eq!(whole, "2026-000001");
        assert_eq!(format!("{first}{whole}{last}"), frame.title);
        // Another page of the same case, and a page of none.
        assert_eq!(titled("停止".to_owned(), "2026-000001").heading(), ("停止", "", ""));
        assert_eq!(titled("首页".to_owned(), "").heading(), ("首页", "", ""));
    }
}
