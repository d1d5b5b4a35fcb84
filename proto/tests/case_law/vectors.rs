//! Histories computed by an independent model of the same page. `JIELI_CASE_LAW_VECTORS` names
//! another file of the same form.

use jieli_proto::case::{Act, Law, Leg, Past, Rules, Side, Slot, Verb, Verdict};
use serde_json::Value;

use crate::world::{E, Found, I, PULL, PUSH, next_act, opened, patient, replay};

#[test]
fn another_model_agrees_on_every_history() {
    let histories = load();
    assert!(!histories.is_empty());
    let wrong: Vec<String> = histories
        .iter()
        .enumerate()
        .filter_map(|(n, history)| check(&Law::V1, history).err().map(|why| format!("{n}: {why}")))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), histories.len(), wrong.join("\n"));
}

/// All histories under one law; the first disagreement.
pub(crate) fn all(law: &'static Law, histories: &[Value]) -> Found {
    histories.iter().try_for_each(|history| check(law, history))
}

pub(crate) fn load() -> Vec<Value> {
    let checked_in = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/histories.json");
    let path = std::env::var("JIELI_CASE_LAW_VECTORS").unwrap_or_else(|_| checked_in.to_owned());
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn check(law: &'static Law, history: &Value) -> Found {
    let rules = if history["direction"] == "push" { PUSH } else { PULL };
    let mut leg = opened(law, rules);
    for (n, message) in history["messages"].as_array().unwrap().iter().enumerate() {
        let by = if message["by"] == "initiator" { I } else { E };
        // The file does not list the OFFER or REQUEST, which the examiner has always seen.
        let listed = message["seen"].as_u64().unwrap() as u32;
        let seen = if by == E { listed + 1 } else { listed };
        let act = next_act(&leg, by, verb(message["kind"].as_str().unwrap()), seen);
        let verdict = leg.receive(act, &patient).map_err(|why| why.to_string())?;
        if (verdict == Verdict::Legal) != message["legal"].as_bool().unwrap() {
            let at = leg.at(Past::of(by, leg.len(by) - 1, seen));
            return Err(format!("message {n}: {message} is {verdict:?} in {at:?}"));
        }
    }
    end(history, &leg)?;
    other_order(law, rules, &leg)
}

fn end(history: &Value, leg: &Leg) -> Found {
    let state = leg.state();
    let slot = match state.slot {
        Slot::Free => "free",
        Slot::Held { .. } => "held",
        Slot::Used => "used",
    };
    let got = serde_json::json!({
        "stage": stage(leg), "stop": state.stop.any(), "fact": state.fact, "slot": slot,
        "question_open": state.question.is_some(), "released": state.released,
        "closed": leg.is_closed(),
    });
    for (field, value) in got.as_object().unwrap() {
        if history[field] != *value {
            return Err(format!("{field} ends as {value}, not {}", history[field]));
        }
    }
    Ok(())
}

/// The same messages, the examiner's as early as causality allows.
fn other_order(law: &'static Law, rules: Rules, leg: &Leg) -> Found {
    let acts = |side: Side| -> Vec<Act> {
        leg.lane(side).iter().filter_map(|place| place.act.clone()).collect()
    };
    let (initiator, examiner) = (acts(I), acts(E));
    let mut order = Vec::new();
    let (mut i, mut e) = (0, 0);
    while i + e < initiator.len() + examiner.len() {
        if e < examiner.len() && examiner[e].seen as usize <= i {
            order.push(examiner[e].clone());
            e += 1;
        } else {
            order.push(initiator[i].clone());
            i += 1;
        }
    }
    let (again, _) = replay(law, rules, &order);
    let verdicts = |leg: &Leg, side| -> Vec<Verdict> {
        leg.lane(side).iter().map(|place| place.verdict).collect()
    };
    let same = again.state() == leg.state()
        && Side::BOTH.iter().all(|side| verdicts(&again, *side) == verdicts(leg, *side));
    if same { Ok(()) } else { Err("another order gives another result".to_owned()) }
}

fn stage(leg: &Leg) -> &'static str {
    use jieli_proto::case::Stage;
    match leg.state().stage {
        Stage::Offered => "OFFERED",
        Stage::TakenUp => "TAKEN_UP",
        Stage::Waitlisted => "WAITLISTED",
        Stage::Accepted => "ACCEPTED",
        Stage::Released => "RELEASED",
        Stage::Fulfilled => "FULFILLED",
        Stage::Unconfirmed => "UNCONFIRMED",
        Stage::Completed => "COMPLETED",
        Stage::Declined => "DECLINED",
        Stage::NotRealised => "NOT_REALISED",
        Stage::Withdrawn => "WITHDRAWN",
        Stage::Returned => "RETURNED",
        Stage::Expired => "EXPIRED",
        Stage::Voided => "VOIDED",
    }
}

fn verb(name: &str) -> Verb {
    match name {
        "TAKE_UP" => Verb::TakeUp,
        "CLARIFY" => Verb::Clarify,
        "SUPPLY" => Verb::Supply,
        "ACCEPT" => Verb::Accept,
        "WAITLIST" => Verb::Waitlist,
        "DECLINE" => Verb::Decline,
        "RELEASE" => Verb::Release,
        "PROGRESS" => Verb::Progress,
        "OUTCOME_FULFILLED" => Verb::OutcomeFulfilled,
        "OUTCOME_NOT_REALISED" => Verb::OutcomeNotRealised,
        "COMPLETE" => Verb::Complete,
        "CORRECT_OTHER" => Verb::Correct,
        "CORRECT_RELEVANT" => Verb::CorrectDecisive,
        "REDIRECT" => Verb::Redirect,
        "WITHDRAW" => Verb::Withdraw,
        "WITHDRAW_EFFECT" => Verb::WithdrawEffect,
        "RETURN" => Verb::Return,
        "EXPIRE" => Verb::Expire,
        "EXPIRE_COMPLETE" => Verb::ExpireComplete,
        "VOID" => Verb::Void,
        "REMIND" => Verb::Remind,
        "ERASE_NOTICE" => Verb::EraseNotice,
        "ERASE_CONFIRM" => Verb::EraseConfirm,
        "CONSENT" => Verb::Consent,
        other => panic!("unknown kind {other}"),
    }
}
