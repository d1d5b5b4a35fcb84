//! The story, the phones, and the evidence.

use super::board::{MessageKey, Touched};
use super::html::{both, button, paragraphs, text};
use super::stage::{Phone, PhoneMessage, StepLine, StepState, Verdict};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The steps, with the present one open.
pub(super) fn story(token: &str, steps: &[StepLine], said: Option<&[String; 2]>) -> String {
    let done = steps.iter().filter(|step| step.state == StepState::Done).count();
    let running = steps.iter().any(|step| step.state == StepState::Running);
    let is_open = |step: &&StepLine| step.state != StepState::Done;
    let next = steps.iter().position(|step| is_open(&step)).unwrap_or(steps.len());
    // What has just happened stays open until the next step begins.
    let failed = steps.get(next).is_some_and(|s| matches!(s.state, StepState::Failed(_)));
    let shown = if running || failed || next == 0 { next } else { next - 1 };
    let mut out = format!(
        "<h2>{}</h2><p class=progress>{done} / {}</p>",
        both("一户人家的故事", "The story of a household"),
        steps.len()
    );
    if let Some([zh, en]) = said {
        let _ = write!(out, "<div class=said role=status>{}</div>", paragraphs(zh, en));
    }
    out += "<div class=\"row main\">";
    if running {
        let _ = write!(out, "<p class=running>{}</p>", both("正在进行……", "in progress…"));
    } else if done < steps.len() {
        let label = if done == 0 { both("开始", "Start") } else { both("继续", "Continue") };
        out += &button(token, "/do/continue", &[], &label);
        out += &button(token, "/do/all", &[], &both("全部播放", "Play all"));
    } else {
        let _ = write!(
            out,
            "<p class=running>{}</p>",
            both(
                "讲完了。您可以继续试：手机、断电、时钟、证据。",
                "That was all. Go on and try: phones, power, clock, evidence."
            )
        );
    }
    out += "</div>";
    if let Some(step) = steps.get(shown) {
        out += &present(shown, step);
    }
    out += "<ol class=steps>";
    for (at, step) in steps.iter().enumerate() {
        out += &listed(at, step, at == shown);
    }
    out += "</ol>";
    out + &button(token, "/do/start-over", &[], &both("重新开始", "Start over"))
}

/// The step that has just happened, or comes next.
fn present(at: usize, step: &StepLine) -> String {
    format!(
        "<article class=\"present {}\" aria-live=polite><h3>{}. {}</h3>{}</article>",
        class(step),
        at + 1,
        both(&step.title[0], &step.title[1]),
        inside(step)
    )
}

fn class(step: &StepLine) -> &'static str {
    match &step.state {
        StepState::Waiting => "waiting",
        StepState::Running => "running",
        StepState::Done => "done",
        StepState::Failed(_) => "failed",
    }
}

fn inside(step: &StepLine) -> String {
    let mut inside = paragraphs(&step.tell[0], &step.tell[1]);
    if let StepState::Failed(why) = &step.state {
        let _ = write!(
            inside,
            "<p class=failed>{} {}</p>",
            both("没有完成，可以再按“继续”：", "Not done; press Continue to try again:"),
            text(why)
        );
    }
    if step.state == StepState::Done {
        let _ = write!(
            inside,
            "<div class=look><b>{}</b>{}</div>",
            both("请看", "Look"),
            paragraphs(&step.look[0], &step.look[1])
        );
        if !step.facts.is_empty() {
            inside += "<dl class=facts>";
            for [zh, en, value] in &step.facts {
                let _ = write!(inside, "<dt>{}</dt><dd>{}</dd>", both(zh, en), text(value));
            }
            inside += "</dl>";
        }
    }
    inside
}

/// A line of the list; what is over can be read again.
fn listed(at: usize, step: &StepLine, is_present: bool) -> String {
    let title = both(&step.title[0], &step.title[1]);
    let class = class(step);
    if is_present {
        format!("<li class=\"{class} now\" aria-current=step>{title}</li>")
    } else if step.state == StepState::Waiting {
        format!("<li class={class}>{title}</li>")
    } else {
        let inside = inside(step);
        format!(
            "<li class={class}><details data-key=step{at}><summary>{title}</summary>{inside}</details></li>"
        )
    }
}

/// The phones: the visitor's own first.
pub(super) fn phones(
    token: &str,
    phones: &[Phone],
    touched: &BTreeMap<MessageKey, Touched>,
) -> String {
    let (yours, others): (Vec<&Phone>, Vec<&Phone>) = phones.iter().partition(|phone| phone.yours);
    let mut out = format!(
        "<h2>{}</h2>{}",
        both("您的手机", "Your phones"),
        paragraphs(
            "您就是这些工人。没有您的回答，什么也不会发出；同意、不同意、停止，都不用说理由。",
            "You are these workers. Without your answer nothing is sent; yes, no and stop need no reason.",
        )
    );
    if yours.is_empty() {
        let _ = write!(
            out,
            "<p class=empty>{}</p>",
            both(
                "名单导入、询问之后，手机会响。",
                "They ring once the list is imported and people are asked."
            )
        );
    } else {
        out += "<div class=phones>";
        yours.iter().for_each(|phone| out += &card(token, phone, touched));
        out += "</div>";
        out += &button(
            token,
            "/do/ask",
            &[],
            &both("再问名单里的一位工人", "Ask one more worker of the list"),
        );
    }
    if !others.is_empty() {
        let _ = write!(
            out,
            "<details data-key=others><summary>{} {}</summary><div class=phones>",
            both("故事里的手机（由故事回答）", "Phones of the story (the story answers)"),
            others.len()
        );
        others.iter().for_each(|phone| out += &card(token, phone, touched));
        out += "</div></details>";
    }
    out
}

fn card(token: &str, phone: &Phone, touched: &BTreeMap<MessageKey, Touched>) -> String {
    let mut out = format!(
        "<article class=phone><h3>{}</h3><p class=number>{}</p>",
        both(&phone.holder[0], &phone.holder[1]),
        text(&phone.number)
    );
    let mut messages = phone.messages.iter().rev();
    if let Some(newest) = messages.next() {
        out += &message(token, phone, newest, touched);
    }
    let older: Vec<&PhoneMessage> = messages.collect();
    if !older.is_empty() {
        let _ = write!(
            out,
            "<details data-key=\"p{}\"><summary>{} {}</summary>",
            text(&phone.number),
            both("更早的消息", "earlier"),
            older.len()
        );
        older.iter().for_each(|old| out += &message(token, phone, old, touched));
        out += "</details>";
    }
    out + "</article>"
}

fn message(
    token: &str,
    phone: &Phone,
    message: &PhoneMessage,
    touched: &BTreeMap<MessageKey, Touched>,
) -> String {
    let mut out = format!("<div class=sms><p>{}</p></div>", text(&message.text));
    if !phone.yours || message.code.is_empty() {
        return out;
    }
    let names = [
        ("city", phone.city.as_str()),
        ("case", message.case.as_str()),
        ("code", message.code.as_str()),
    ];
    let key = (phone.city.clone(), message.case.clone(), message.code.clone());
    match touched.get(&key) {
        None => out += &button(token, "/phone/open", &names, &both("打开", "Open")),
        Some(Touched::Said(said)) => {
            let _ = write!(out, "<p class=said>{}</p>", both(&said[0], &said[1]));
            out += &button(token, "/phone/open", &names, &both("再看一次", "Open again"));
        }
        Some(Touched::Opened(opened)) => {
            let hidden: String = names
                .iter()
                .map(|(name, value)| {
                    format!("<input type=hidden name={name} value=\"{}\">", text(value))
                })
                .collect();
            let _ = write!(
                out,
                "<form method=post action=/phone/answer class=answer>\
                <input type=hidden name=token value=\"{}\">{hidden}<fieldset><legend>{}</legend><p class=fine>{}</p>",
                text(token),
                both("您的回答", "Your answer"),
                both(
                    "同意的请打勾；不打勾就是不同意。",
                    "Tick what you agree to; no tick means no."
                )
            );
            for leg in &opened.legs {
                let _ = write!(
                    out,
                    "<label><input type=checkbox name=yes value={}> {}. {}</label>",
                    leg.number,
                    leg.number,
                    text(&leg.text)
                );
            }
            let _ = write!(
                out,
                "</fieldset><button>{}</button></form>",
                both("提交回答", "Send answer")
            );
        }
    }
    out + &button(token, "/phone/stop", &names, &both("全部停止", "Stop everything"))
}

/// The bundle and what the verifier says.
pub(super) fn proof(token: &str, verdict: Option<&Verdict>, cleaned: bool) -> String {
    let mut out = format!(
        "<h2>{}</h2>{}",
        both("证据", "Evidence"),
        paragraphs(
            "一件办件的全部签名和存证装进一个文件。外人只凭纸质协议上的两枚指纹，离线就能核验；里面没有姓名。",
            "All signatures and records of a case go into one file. A stranger checks it offline with \
         the two fingerprints of the paper agreement; there is no name in it.",
        )
    );
    let _ = write!(
        out,
        "<div class=row>{}{}</div>",
        button(token, "/do/verify", &[], &both("导出并核验", "Export and verify")),
        button(token, "/do/change", &[], &both("改动一个字节再核验", "Change one byte and verify"))
    );
    if cleaned {
        let _ = write!(
            out,
            "<p class=fine><a href={CLEANED} download>{}</a></p>",
            both(
                "下载被退回名单的副本（已去掉那两列）",
                "Download the refused sheet without the two columns"
            )
        );
    }
    let Some(verdict) = verdict else { return out };
    let kib = verdict.bytes / 1024;
    if let Some(at) = verdict.changed_at {
        let _ = write!(out, "<p>{} <b>{at}</b></p>", both("改动了第几个字节：", "Byte changed:"));
    }
    let (class, zh, en) = if verdict.holds {
        ("holds", "全部成立", "All of it holds")
    } else {
        ("broken", "不成立", "It does not hold")
    };
    let _ =
        write!(out, "<p class=\"verdict {class}\">{} <small>{kib} KiB</small></p>", both(zh, en));
    if !verdict.places.is_empty() {
        let _ = write!(
            out,
            "<p>{}</p><ul class=places>",
            both("核验程序指出：", "The verifier says where:")
        );
        for [file, zh, en] in verdict.places.iter().take(PLACES) {
            let _ = write!(out, "<li><code>{}</code><br>{}</li>", text(file), both(zh, en));
        }
        out += "</ul>";
        if verdict.places.len() > PLACES {
            let _ = write!(
                out,
                "<p class=fine>{} {}</p>",
                both("因此不再成立的其他地方：", "Other places that no longer hold because of it:"),
                verdict.places.len() - PLACES
            );
        }
    }
    out
}

/// Where the copy of the refused sheet is.
pub(super) const CLEANED: &str = "/cleaned.xlsx";
/// Places shown; the rest follow from the first.
const PLACES: usize = 2;
