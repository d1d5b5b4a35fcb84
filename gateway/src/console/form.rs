//! The parts of a form: what is asked, what was answered, and what is wrong with it.

use super::posted::Form;
use super::words::Lang;

/// How something is entered.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Text,
    /// Digits of a code, typed in sight.
    Digits,
    /// A few sentences.
    Words,
    Password,
    Number,
    Date,
    Time,
    File,
    /// One of a list.
    Choice(Vec<(String, String)>),
    /// One of few, all in sight.
    Radio(Vec<(String, String)>),
    /// Any of a list.
    Checks(Vec<(String, String)>),
}

/// One question.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) hint: String,
    pub(crate) kind: Kind,
    pub(crate) value: String,
    pub(crate) chosen: Vec<String>,
    pub(crate) wrong: String,
    pub(crate) needed: bool,
    /// What a browser may fill in.
    pub(crate) fill: &'static str,
    /// Endings of a file.
    pub(crate) accepts: &'static str,
}

impl Input {
    pub(crate) fn new(name: &str, label: impl Into<String>, kind: Kind) -> Input {
        Input {
            name: name.to_owned(),
            label: label.into(),
            hint: String::new(),
            kind,
            value: String::new(),
            chosen: Vec::new(),
            wrong: String::new(),
            needed: true,
            fill: "off",
            accepts: ".xlsx,.csv,.txt",
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Input {
        self.hint = hint.into();
        self
    }

    pub(crate) fn accepts(mut self, endings: &'static str) -> Input {
        self.accepts = endings;
        self
    }

    pub(crate) fn optional(mut self) -> Input {
        self.needed = false;
        self
    }

    pub(crate) fn value(mut self, value: impl Into<String>) -> Input {
        self.value = value.into();
        self
    }

    pub(crate) fn fill(mut self, what: &'static str) -> Input {
        self.fill = what;
        self
    }

    pub(crate) fn is_text(&self) -> bool {
        !matches!(self.kind, Kind::Choice(_) | Kind::Radio(_) | Kind::Checks(_) | Kind::Words)
    }

    pub(crate) fn is_words(&self) -> bool {
        matches!(self.kind, Kind::Words)
    }

    /// Lines of a field for sentences: a long text is read as a whole.
    pub(crate) fn rows(&self) -> usize {
        self.value.lines().count().clamp(6, 32)
    }

    pub(crate) fn is_digits(&self) -> bool {
        matches!(self.kind, Kind::Digits | Kind::Number)
    }

    pub(crate) fn is_choice(&self) -> bool {
        matches!(self.kind, Kind::Choice(_))
    }

    /// The type of its element.
    pub(crate) fn ty(&self) -> &'static str {
        match self.kind {
            Kind::Password => "password",
            Kind::Number => "number",
            Kind::Date => "date",
            Kind::Time => "time",
            Kind::File => "file",
            Kind::Checks(_) => "checkbox",
            Kind::Radio(_) => "radio",
            Kind::Text | Kind::Digits | Kind::Words | Kind::Choice(_) => "text",
        }
    }

    /// Value, words, and whether it is chosen.
    pub(crate) fn options(&self) -> Vec<(String, String, bool)> {
        let all: &[(String, String)] =
            if let Kind::Choice(all) | Kind::Radio(all) | Kind::Checks(all) = &self.kind {
                all
            } else {
                &[]
            };
        let is_on = |value: &String| *value == self.value || self.chosen.contains(value);
        all.iter().map(|(value, words)| (value.clone(), words.clone(), is_on(value))).collect()
    }

    /// What was entered, in words, for the page on which it is checked.
    pub(crate) fn answer(&self, lang: Lang) -> String {
        // “Please choose” is no answer.
        let on = self.options().into_iter().filter(|(value, _, on)| *on && !value.is_empty());
        let on = on.map(|(_, words, _)| words);
        let on: Vec<String> = on.collect();
        if !on.is_empty() {
            return on.join(lang.pick("、", ", "));
        }
        match self.kind {
            Kind::Date => lang.day(crate::drafts::date(&self.value).map_or(0, |day| day.number())),
            Kind::Text
            | Kind::Digits
            | Kind::Words
            | Kind::Password
            | Kind::Number
            | Kind::Time
            | Kind::File
            | Kind::Choice(_)
            | Kind::Radio(_)
            | Kind::Checks(_) => self.value.clone(),
        }
    }
}

/// Takes what was entered into the questions, and notes what is missing or cannot be. Whether all
/// is well and nobody wants to change it.
pub(crate) fn taken(inputs: &mut [Input], form: &Form, lang: Lang) -> bool {
    let mut good = form.get("change") != "yes";
    for input in inputs.iter_mut() {
        input.value = form.get(&input.name).to_owned();
        let name = input.name.clone();
        input.chosen = form.all(&name).map(str::to_owned).collect();
        let known = input.options();
        let unknown = !known.is_empty()
            && input.chosen.iter().any(|given| {
                !given.is_empty() && !known.iter().any(|(value, _, _)| value == given)
            });
        let missing = input.value.is_empty();
        if missing && !input.needed {
            continue;
        }
        let key = match input.kind {
            _ if missing => "error.missing",
            _ if unknown => "error.choice",
            Kind::Date if crate::drafts::date(&input.value).is_none() => "error.date",
            Kind::Number if input.value.parse::<u32>().is_err() => "error.number",
            Kind::Time if minutes(&input.value).is_none() => "error.time",
            Kind::Date
            | Kind::Number
            | Kind::Time
            | Kind::Text
            | Kind::Digits
            | Kind::Words
            | Kind::Password
            | Kind::File
            | Kind::Choice(_)
            | Kind::Radio(_)
            | Kind::Checks(_) => continue,
        };
        input.wrong = lang.fill(key, &[&input.label]);
        good = false;
    }
    good
}

/// `09:30` in minutes.
pub(crate) fn minutes(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (hour.parse::<u32>().ok()?, minute.parse::<u32>().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}
