//! Why nothing came of a letter: what happened, and what to do next.

use super::row::Row;
use crate::trouble::Denied;
use jieli_proto::paper::OFFICE_CHARS_MAX;
use jieli_proto::wire;

pub(super) fn may_answer(row: &Row) -> Result<(), Denied> {
    if row.stopped_ms > 0 {
        return Err(stopped());
    }
    if row.answer != 0 {
        return Err(Denied::new(
            "ANSWERED",
            "这封信已有书面答复，一次有效；需要再写请重新询问本人。",
            "This letter is answered, once for all: ask the person again for another one.",
        ));
    }
    Ok(())
}

pub(super) fn stopped() -> Denied {
    Denied::new(
        "STOPPED",
        "本人已停止，这封信不再有效。",
        "The person has stopped it: this letter is no longer good.",
    )
}

pub(super) fn over() -> Denied {
    Denied::new(
        "OVER",
        "该事项已经结束，不能再询问本人；如仍需要，请重新导入这一行。",
        "This leg is over and the person is not asked about it: import the row again if it is \
         still wanted.",
    )
}

pub(super) fn office_name(text: &str) -> Result<String, Denied> {
    let name = text.trim();
    let fits = (1..=OFFICE_CHARS_MAX).contains(&name.chars().count());
    if fits && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(Denied::new(
        "BAD_OFFICE",
        format!("请写明接收机构的名称，一行，最多 {OFFICE_CHARS_MAX} 字。"),
        format!("Name the receiving office in one line of at most {OFFICE_CHARS_MAX} characters."),
    ))
}

pub(super) fn has_node(city: &str) -> Denied {
    Denied::new(
        "HAS_NODE",
        format!("与“{city}”有包含该服务的协议，请通过节点办理（jieli case ask），不写纸质信。"),
        format!(
            "There is an agreement with “{city}” for this service: use the node (jieli case ask), \
             not a letter."
        ),
    )
}

pub(super) fn letter_out() -> Denied {
    Denied::new(
        "LETTER_OUT",
        "已有一封信在本人手里，尚无答复。要重新打印请用 jieli letter write。",
        "A letter is out and not answered: jieli letter write prints it again.",
    )
}

pub(super) fn no_yes_yet() -> Denied {
    Denied::new(
        "NO_YES_YET",
        "本人还没有同意写信。请先用 jieli letter ask 询问，等本人用手机上的码答复。",
        "The person has not agreed to a letter yet: ask with jieli letter ask, and wait for the \
         person's own answer.",
    )
}

pub(super) fn another_office(name: &str) -> Denied {
    Denied::new(
        "ANOTHER_OFFICE",
        format!("本人同意的是带给“{name}”的信。给别的机构要重新询问。"),
        format!("The person agreed to a letter to “{name}”: ask again for another office."),
    )
}

pub(super) fn no_letter() -> Denied {
    Denied::new("NO_LETTER", "该事项没有写过纸质信。", "No letter was written for this leg.")
}

pub(super) fn one_of_two() -> Denied {
    Denied::new(
        "CODE_OR_STAMP",
        "请二选一：回执上的码（--code），或收到盖章的回执（--stamped）。",
        "Give either the code of the tear-off slip (--code) or --stamped, not both.",
    )
}

pub(super) fn wrong_answer_code() -> Denied {
    Denied::new(
        "WRONG_CODE",
        "码不对，或与所选答复不符。五次错误后只能凭盖章的回执登记。",
        "The code is wrong or belongs to the other answer. After five wrong tries only a stamped \
         slip counts.",
    )
}

pub(super) fn asked_reply() -> wire::LetterReply {
    wire::LetterReply {
        say_zh: "已通知本人。本人同意后再写信。".to_owned(),
        say_en: "The person is asked. Write the letter after the person's own yes.".to_owned(),
    }
}
