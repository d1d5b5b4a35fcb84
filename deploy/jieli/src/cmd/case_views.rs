//! Cases as text and as JSON.

use super::say::{Out, date};
use jieli_proto::case::{Duty, Stage};
use jieli_proto::day::Day;
use jieli_proto::wire::{self, MessageType};
use jieli_proto::words;
use serde_json::{Value, json};

fn line_json(line: &wire::CaseLine) -> Value {
    json!({
        "case_number": line.case_number,
        "peer": line.peer,
        "legs": line.legs.iter().map(leg_json).collect::<Vec<_>>(),
    })
}

fn leg_json(leg: &wire::LegLine) -> Value {
    json!({
        "number": leg.number,
        "service": leg.service().as_str_name().trim_start_matches("SERVICE_").to_lowercase(),
        "direction": leg.direction,
        "our_side": leg.our_side,
        "stage": leg.stage,
        "settled": leg.settled,
        "question_open": leg.question_open,
        "stop": leg.stop,
        "due_date": date(leg.due_date),
        "duty": leg.duty,
        "leg_id": leg.leg_id,
        "other_office": leg.other_office,
        "desk": desk_json(&leg.desk.clone().unwrap_or_default()),
    })
}

pub(super) fn case_json(view: &wire::CaseView) -> Value {
    let line = view.line.clone().unwrap_or_default();
    let legs = view.legs.iter().map(|leg| {
        let mut value = leg_json(&leg.line.clone().unwrap_or_default());
        value["messages"] = leg.messages.iter().map(message_json).collect();
        value["fields"] = leg.fields.iter().map(field_json).collect();
        value["next"] = json!(leg.next);
        value["person_told"] = json!(leg.person_told);
        value["steps"] = leg.steps.iter().map(step_json).collect();
        value["window"] = json!(leg.window.as_ref().map(window_json));
        value["letter"] = leg.letter.as_ref().map_or(Value::Null, letter_json);
        value
    });
    json!({
        "case_number": line.case_number,
        "peer": line.peer,
        "today": date(view.today),
        "legs": legs.collect::<Vec<_>>(),
    })
}

fn step_json(step: &wire::NextStep) -> Value {
    json!({ "step": step.step, "command": step.command })
}

fn letter_json(letter: &wire::LetterState) -> Value {
    json!({
        "to_office": letter.to_office,
        "written_on": date(letter.written_on),
        "answer": letter.answer,
        "how": letter.how,
        "answered_on": date(letter.answered_on),
        "stopped": letter.stopped,
    })
}

fn letter_text(letter: &wire::LetterState) -> String {
    let wrote = format!("{} 致 to {}", date(letter.written_on), letter.to_office);
    let answer = match letter.answer.as_str() {
        "accepted" => "同意接收 accepted",
        "declined" => "不予接收 declined",
        _ if letter.stopped => return format!("纸质信 letter {wrote}：已停止 stopped"),
        _ => return format!("纸质信 letter {wrote}：尚无答复 no answer yet"),
    };
    let how = if letter.how == "stamped" { "盖章回执 stamped slip" } else { "回执码 code" };
    let stopped = if letter.stopped { "；后已停止 stopped later" } else { "" };
    format!(
        "纸质信 letter {wrote}：书面答复 answered on paper {}：{answer}（{how}）{stopped}",
        date(letter.answered_on)
    )
}

fn message_json(message: &wire::MessageLine) -> Value {
    json!({
        "type": message.r#type,
        "from": message.from,
        "created_unix_ms": message.created_unix_ms,
        "status": message.status,
        "refusal": message.refusal,
        "overridden": message.overridden,
        "disputed": message.disputed,
        "env_digest": message.env_digest,
        "due_date": date(message.due_date),
        "handed_to": message.handed_to,
    })
}

fn field_json(field: &wire::FieldView) -> Value {
    json!({
        "section": field.section,
        "field": field.field,
        "name_zh": field.name_zh,
        "name_en": field.name_en,
        "value": field.value,
    })
}

/// The queue as JSON.
pub(super) fn queue_json(list: &wire::CaseList) -> Value {
    let counts = list.counts.unwrap_or_default();
    json!({
        "cases": list.cases.iter().map(line_json).collect::<Vec<_>>(),
        "awaiting": list.awaiting,
        "overdue": counts.overdue,
        "due_today": counts.due_today,
        "ours": counts.ours,
        "theirs": counts.theirs,
        "today": date(list.today),
        "next": list.next,
    })
}

/// The queue, one line a leg.
pub(super) fn queue_text(list: &wire::CaseList, out: Out) -> String {
    let counts = list.counts.unwrap_or_default();
    let mut lines = vec![out.say(
        &format!(
            "逾期 {}，今天到期 {}，等本方 {}，等对方 {}，等待本人答复 {}。",
            counts.overdue, counts.due_today, counts.ours, counts.theirs, list.awaiting
        ),
        &format!(
            "Overdue {}, due today {}, waiting for us {}, for the other side {}, for the person {}.",
            counts.overdue, counts.due_today, counts.ours, counts.theirs, list.awaiting
        ),
    )];
    for line in &list.cases {
        for leg in &line.legs {
            let desk = leg.desk.clone().unwrap_or_default();
            let words = [
                due_words(leg, list.today, out),
                duty_words(leg, out),
                turn_words(&desk.turn, out),
                format!("{} {}", line.case_number, leg.number),
                service_words(leg, out),
                with(leg, &line.peer),
                stage_words(leg, out),
            ];
            let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).collect();
            lines.push(format!("{}{}", words.join("  "), marks(leg, &desk, out)));
        }
    }
    if !list.next.is_empty() {
        lines.push(out.say("下一页：", "Next page:") + &format!(" --after {}", list.next));
    }
    lines.join("\n")
}

/// With whom: the other city, or the other office of this one.
fn with(leg: &wire::LegLine, peer: &str) -> String {
    if leg.other_office.is_empty() { peer.to_owned() } else { leg.other_office.clone() }
}

/// 今天, 明天, 逾期 3 天.
fn due_words(leg: &wire::LegLine, today: u32, out: Out) -> String {
    let (Some(due), Some(today)) = (Day::from_number(leg.due_date), Day::from_number(today)) else {
        return String::new();
    };
    match due.since_epoch() - today.since_epoch() {
        0 => out.say("今天", "today"),
        1 => out.say("明天", "tomorrow"),
        days @ 2.. => out.say(&format!("{due}（{days} 天后）"), &format!("{due} (in {days} days)")),
        days => out.say(&format!("逾期 {} 天", -days), &format!("{} days overdue", -days)),
    }
}

fn duty_words(leg: &wire::LegLine, out: Out) -> String {
    let duty = Duty::ALL.into_iter().map(words::duty).find(|word| word.en == leg.duty);
    duty.map_or(String::new(), |word| out.say(word.zh, &plain(word.en)))
}

fn turn_words(turn: &str, out: Out) -> String {
    match turn {
        "ours" => out.say("本方办理", "ours"),
        "theirs" => out.say("对方办理", "theirs"),
        _ => String::new(),
    }
}

fn service_words(leg: &wire::LegLine, out: Out) -> String {
    let service = words::service(leg.service());
    out.say(service.zh, service.en)
}

fn stage_words(leg: &wire::LegLine, out: Out) -> String {
    let stage = Stage::ALL.into_iter().find(|stage| words::stage(*stage).en == leg.stage);
    let zh = match (stage, leg.stage.as_str()) {
        (Some(stage), _) => words::stage(stage).zh,
        (None, "DRAFT") => "草稿",
        (None, "AWAITING_CONSENT") => "等待本人答复",
        (None, "ON_PAPER") => "纸质办理",
        (None, _) => "未被接收",
    };
    out.say(zh, &plain(&leg.stage))
}

/// V22, at the city that got the person: whether a notice has told the person what arrived.
fn told_text(word: &str, out: Out) -> Option<String> {
    let (zh, en) = match word {
        "waiting" => ("给本人的短信还没有送出", "the person's notice has not gone out yet"),
        "window" => (
            "短信无法送达本人：请在窗口当面告知",
            "no notice can reach the person: tell the person at the window",
        ),
        _ => return None,
    };
    Some(format!("     ！{}", out.say(zh, en)))
}

/// A word of the wire as people read it: `TAKEN_UP` is "taken up".
fn plain(word: &str) -> String {
    word.to_lowercase().replace('_', " ")
}

/// What stands out about a leg, each in brackets.
fn marks(leg: &wire::LegLine, desk: &wire::LegDesk, out: Out) -> String {
    let stage = Stage::ALL.into_iter().find(|stage| words::stage(*stage).en == leg.stage);
    let confirming = (stage.is_some_and(Stage::is_closed) || leg.stop) && !leg.settled;
    let mut marks = Vec::new();
    match desk.urgency.as_str() {
        "due-soon" => marks.push(out.say("即将到期", "due soon")),
        "overdue" => marks.push(out.say("逾期", "overdue")),
        "needs-person" => marks.push(out.say("需人工处理", "needs a person")),
        _ => {}
    }
    if desk.due_provisional {
        let calendar = &desk.due_calendar;
        marks.push(out.say(
            &format!("期限暂定：日历 {calendar} 还没有公布到那一天"),
            &format!("provisional date: the calendar {calendar} does not reach that far"),
        ));
    }
    if leg.question_open {
        marks.push(out.say("待补正", "question open"));
    }
    if leg.stop {
        marks.push(out.say("已停止使用", "stopped"));
    }
    if confirming {
        marks.push(out.say("办结确认中", "closing, being confirmed"));
    }
    if let Some(pending) = &desk.pending {
        let (step, at) = (&pending.step, &pending.goes_out_at);
        marks.push(out.say(&format!("待发 {step} {at}"), &format!("{step} goes out at {at}")));
    }
    if let Some(unsent) = &desk.not_sent {
        let step = &unsent.step;
        marks.push(out.say(
            &format!("{step} 没有发出：{}", unsent.say_zh),
            &format!("{step} was not sent: {}", unsent.say_en),
        ));
    }
    if !desk.handler.is_empty() {
        marks.push(out.say("首问经办", "first handler") + &format!(" {}", desk.handler));
    }
    if !desk.stand_in.is_empty() {
        let stands = &desk.stand_in;
        marks.push(out.say(&format!("{stands} 代班"), &format!("{stands} stands in")));
    }
    if desk.needs_taker {
        marks.push(out.say("待接手", "needs a taker"));
    }
    if !desk.handed_to.is_empty() {
        let to = &desk.handed_to;
        marks.push(out.say(&format!("已交给 {to}，等其接手"), &format!("handed over to {to}")));
    }
    marks.iter().map(|mark| format!("  [{mark}]")).collect()
}

fn leg_text(leg: &wire::LegLine, today: u32, out: Out) -> String {
    let desk = leg.desk.clone().unwrap_or_default();
    let words = [
        service_words(leg, out),
        stage_words(leg, out),
        duty_words(leg, out),
        turn_words(&desk.turn, out),
        due_words(leg, today, out),
    ];
    let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).collect();
    format!("  {}. {}{}", leg.number, words.join("  "), marks(leg, &desk, out))
}

/// A case; `program` stands before the commands that can be copied.
pub(super) fn case_text(view: &wire::CaseView, program: String, out: Out) -> String {
    let line = view.line.clone().unwrap_or_default();
    let mut lines = vec![format!("{}  {}", line.case_number, line.peer)];
    for leg in &view.legs {
        let shown = leg.line.clone().unwrap_or_default();
        lines.push(leg_text(&shown, view.today, out));
        if !shown.other_office.is_empty() {
            let office = &shown.other_office;
            lines.push(format!(
                "     {}",
                out.say(&format!("另一机构：{office}"), &format!("with {office}"))
            ));
        }
        for field in &leg.fields {
            let name = out.say(&field.name_zh, &field.name_en);
            lines.push(format!("       {name}: {}", field.value));
        }
        let lines_of = leg.messages.iter();
        lines.extend(lines_of.map(|message| format!("     - {}", message_text(message, out))));
        lines.extend(told_text(&leg.person_told, out));
        if let Some(window) = &leg.window {
            lines.push(format!("     {}", window_text(window, out)));
        }
        if let Some(pending) = shown.desk.as_ref().and_then(|desk| desk.pending.as_ref()) {
            let (step, at) = (&pending.step, &pending.goes_out_at);
            let undo = format!("{program} case undo {} {}", line.case_number, shown.number);
            let text = out.say(
                &format!("待发：{step}，{at} 发出；撤销：{undo}"),
                &format!("pending: {step}, goes out at {at}, undo with: {undo}"),
            );
            lines.push(format!("     {text}"));
        }
        if shown.desk.as_ref().is_some_and(|desk| desk.duplicate_asked) {
            let text = out.say(
                "正在询问本人：同一件事另有一件在办，是否结束这一件",
                "the person is being asked: the same is under way a second time; end this one?",
            );
            lines.push(format!("     {text}"));
        }
        lines.extend(shown.desk.iter().flat_map(|desk| desk_notes(desk, out)));
        if let Some(asked) = shown.desk.as_ref().and_then(|desk| desk.correction.as_ref()) {
            let due = date(asked.due_on);
            let text = out.say(
                &format!(
                    "本人要求更正{}，最晚 {due} 答复：correct --as-asked 或 --not-as-asked",
                    asked.name_zh
                ),
                &format!(
                    "the person asks to correct: {}; answer by {due}: correct --as-asked or \
                     --not-as-asked",
                    asked.name_en
                ),
            );
            lines.push(format!("     {text}"));
        }
        if !leg.steps.is_empty() {
            lines.push(format!("     {}", out.say("可办：", "next:")));
            let steps = leg.steps.iter();
            lines.extend(steps.map(|step| format!("       {program} {}", step.command)));
        }
        lines.extend(leg.letter.iter().map(|letter| format!("     {}", letter_text(letter))));
    }
    lines.join("\n")
}

/// Who said what, and what became of it.
fn message_text(message: &wire::MessageLine, out: Out) -> String {
    let ty = MessageType::from_str_name(&format!("MESSAGE_TYPE_{}", message.r#type));
    let said = words::message(ty.unwrap_or_default());
    let mut notes = vec![match message.status.as_str() {
        "provisional" => out.say("还没有对方回执", "no receipt yet"),
        "stored" => out.say("已存", "stored"),
        "withheld" => out.say("已存，未含信息", "stored without its sections"),
        _ => out.say("被拒收", "refused") + " " + &message.refusal,
    }];
    if message.overridden {
        notes.push(out.say("被另一步盖过，未生效", "overridden by another step"));
    }
    if !message.handed_to.is_empty() {
        let to = &message.handed_to;
        notes.insert(0, out.say(&format!("转给 {to}"), &format!("to {to}")));
    }
    if message.disputed {
        notes.push(out.say(
            "有争议：签名密钥已停用，且在其有效位置之后；效力不变",
            "disputed: signed past the last good place of a revoked key; it keeps its effect",
        ));
    }
    format!("{}  {}  ({})", message.from, out.say(said.zh, said.en), notes.join("; "))
}

/// The first handler, hours and what to bring, in plain words.
pub(super) fn window_text(window: &wire::WindowView, out: Out) -> String {
    let telephone = &window.telephone;
    let hours = match window.opens.is_empty() {
        true => String::new(),
        false => format!("{}-{}", window.opens, window.closes),
    };
    let (mut zh, mut en) = (
        format!("首问经办：{} 电话 {telephone} {hours}", window.office),
        format!("First handler: {}, telephone {telephone} {hours}", window.office),
    );
    if !window.bring_zh.is_empty() {
        zh += &format!("；请带：{}", window.bring_zh.join("、"));
        en += &format!("; bring: {}", window.bring_en.join(", "));
    }
    out.say(&zh, &en)
}

pub(super) fn window_json(window: &wire::WindowView) -> Value {
    json!({
        "office": window.office,
        "telephone": window.telephone,
        "opens": window.opens,
        "closes": window.closes,
        "bring": window.bring,
        "bring_zh": window.bring_zh,
        "bring_en": window.bring_en,
    })
}

fn desk_json(desk: &wire::LegDesk) -> Value {
    let pending = desk.pending.as_ref().map(|pending| {
        json!({
            "step": pending.step,
            "goes_out_unix_ms": pending.goes_out_unix_ms,
            "goes_out_at": pending.goes_out_at,
            "token": pending.token,
        })
    });
    let unsent = desk.not_sent.as_ref().map(|unsent| {
        json!({
            "step": unsent.step,
            "code": unsent.code,
            "say_zh": unsent.say_zh,
            "say_en": unsent.say_en,
        })
    });
    json!({
        "turn": desk.turn,
        "urgency": desk.urgency,
        "handler": desk.handler,
        "handed_to": desk.handed_to,
        "needs_taker": desk.needs_taker,
        "stand_in": desk.stand_in,
        "pending": pending,
        "not_sent": unsent,
        "duplicate_asked": desk.duplicate_asked,
        "cover_gap_days": desk.cover_gap,
        "cover_wanted": desk.cover_wanted,
        "value_unsure": desk.value_unsure,
        "work": desk.work.map(|work| json!({
            "began": date(work.started_on),
            "ended": date(work.ended_on),
        })),
        "correction": desk.correction.as_ref().map(|asked| json!({
            "name_zh": asked.name_zh,
            "name_en": asked.name_en,
            "due_on": date(asked.due_on),
        })),
    })
}

/// What else the desk should know of a leg, a line each.
fn desk_notes(desk: &wire::LegDesk, out: Out) -> Vec<String> {
    let mut notes = Vec::new();
    if desk.cover_gap > 0 {
        let days = desk.cover_gap;
        notes.push(out.say(
            &format!("参保中断已满 {days} 天，请尽快接续"),
            &format!("{days} days without insurance cover have passed: settle it soon"),
        ));
    }
    if desk.value_unsure {
        notes.push(out.say(
            "补充或更正与转办交叉，新机构可能没有收到：本人同意后请再更正一次",
            "what was supplied or corrected crossed the hand-over: correct it again after the yes",
        ));
    }
    if desk.cover_wanted {
        notes.push(out.say(
            "已办结，请用 cover 填写待遇起始日",
            "done: state with cover from when cover is given",
        ));
    }
    if let Some(work) = desk.work {
        let [began, ended] = [work.started_on, work.ended_on].map(date);
        notes.push(match ended.as_str() {
            "" => out.say(
                &format!("用人单位说 {began} 到岗"),
                &format!("the employer says: began {began}"),
            ),
            ended => out.say(
                &format!("用人单位说 {began} 到岗，{ended} 离岗"),
                &format!("the employer says: began {began}, ended {ended}"),
            ),
        });
    }
    notes.into_iter().map(|note| format!("     {note}")).collect()
}
