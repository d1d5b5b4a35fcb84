//! Verifies a bundle or a pack that somebody hands over: in memory, by the roots that are given.
//! Nothing is stored and no node is needed for the judgement.

use super::timeline::{Known, known};
use super::{Ask, ReviewPage};
use crate::console::form::{Input, Kind, taken};
use crate::console::frame::Answer;
use crate::console::posted::Form;
use crate::console::visitor::Visitor;
use crate::console::words::Lang;
use axum::body::Bytes;
use jieli_proto::bundle::pack::{self, Pack};
use jieli_proto::bundle::{self, Unreadable};
use jieli_proto::id::Digest;

fn questions(lang: Lang, roots: &[Digest]) -> Ask {
    let known: Vec<String> = roots.iter().map(Digest::hex).collect();
    Ask {
        heading: lang.w("verify.choose").to_owned(),
        lead: Vec::new(),
        method: "post",
        action: "/verify",
        hidden: Vec::new(),
        inputs: vec![
            Input::new("bundle", lang.w("verify.file"), Kind::File)
                .hint(lang.w("verify.file_hint"))
                .accepts(".zip"),
            Input::new("roots", lang.w("verify.roots"), Kind::Words)
                .hint(lang.w("verify.roots_hint"))
                .value(known.join("\n")),
        ],
        button: lang.w("verify.button"),
    }
}

pub(crate) async fn page(visitor: Visitor) -> Answer {
    let lang = visitor.lang;
    let Known { roots, .. } = known(&visitor).await?;
    let mut page = ReviewPage::new(&visitor, lang.w("nav.verify"));
    page.lead = vec![lang.w("verify.lead").to_owned()];
    page.forms = vec![questions(lang, &roots)];
    Ok(page.show())
}

/// The verdict, in the words of the verifier that everybody has.
pub(crate) async fn verify(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let Known { roots, now_s, .. } = known(&visitor).await?;
    let mut ask = questions(lang, &roots);
    let file = form.file.clone().filter(|(_, file)| !file.is_empty()).map(|(_, file)| file);
    taken(&mut ask.inputs, &form, lang);
    let given = given(form.get("roots"));
    if let [bundle, roots] = ask.inputs.as_mut_slice() {
        bundle.wrong = match &file {
            Some(_) => String::new(),
            None => lang.w("verify.no_file").to_owned(),
        };
        if given.is_none() {
            roots.wrong = lang.w("verify.bad_roots").to_owned();
        }
    }
    let mut page = ReviewPage::new(&visitor, lang.w("nav.verify"));
    let (Some(file), Some(given)) = (file, given) else {
        page.forms = vec![ask];
        return Ok(page.show());
    };
    let judged = tokio::task::spawn_blocking(move || judge(&file, &given, now_s));
    match judged.await.map_err(visitor.broken())? {
        Ok((holds, text)) => {
            let key = if holds { "proof.all_hold" } else { "proof.not_all" };
            page.lead = vec![lang.w(key).to_owned(), lang.w("verify.not_kept").to_owned()];
            page.report = text;
        }
        Err(_) => {
            page.lead = vec![lang.w("verify.unreadable").to_owned()];
            page.forms = vec![ask];
        }
    }
    Ok(page.show())
}

/// One root a line; `None` unless every line is one.
fn given(text: &str) -> Option<Vec<Digest>> {
    let lines = text.split_whitespace().map(|line| line.replace(':', ""));
    let all: Option<Vec<Digest>> = lines.map(|line| Digest::from_hex(&line)).collect();
    all.filter(|all| !all.is_empty())
}

/// Whether all holds, and what the verifier says.
fn judge(file: &Bytes, roots: &[Digest], now_s: u64) -> Result<(bool, String), Unreadable> {
    let mut source = file.as_ref();
    if let Some(opened) = Pack::open(&mut source)? {
        let found = pack::verify(opened, roots, Some(now_s), &mut |_, _| {});
        return Ok((found.all_hold(), found.text()));
    }
    let found = bundle::verify_at(file, roots, Some(now_s))?;
    Ok((found.all_hold(), found.text()))
}

#[cfg(test)]
mod tests {
    use super::given;

    #[test]
    fn roots_are_whole_or_refused() {
        let one = "ab".repeat(32);
        assert_eq!(given(&format!("{one}\n {one} ")).unwrap().len(), 2);
        assert!(given("").is_none() && given(&format!("{one} abc")).is_none());
    }
}
