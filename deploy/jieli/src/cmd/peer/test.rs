//! `jieli peer test`: each check in words, with what to do.

use super::super::dial::At;
use super::super::say::{OK, Out, REFUSED};
use super::super::{Done, Fail};
use jieli_node::config::DeskRole;
use jieli_proto::wire::{self, CheckResult, PeerCheck};
use serde_json::{Value, json};

/// Calls a peer and shows what works. Exit code 0: all ok; 1: something is not.
pub(super) async fn run(at: &At, out: Out, city: String) -> Result<Done, Fail> {
    let mut desk = at.desk(DeskRole::Operator).await?;
    let reply = desk.test_peer(wire::TestPeerRequest { city }).await?.into_inner();
    let all_ok = reply.checks.iter().all(|check| is_ok(check.result()));
    let value = json!({
        "city_id": reply.city_id,
        "name": reply.name,
        "ok": all_ok,
        "checks": reply.checks.iter().map(check_json).collect::<Vec<_>>(),
    });
    out.show(&value, || {
        let title = format!("{} {}", reply.city_id, reply.name);
        let lines = reply.checks.iter().map(|check| line(check, out));
        let end = if all_ok {
            out.say("全部正常。", "All ok.")
        } else {
            out.say("有项目不正常，请按上面的提示处理。", "Something is not ok: see above.")
        };
        let all: Vec<String> = std::iter::once(title).chain(lines).chain([end]).collect();
        all.join("\n")
    });
    Ok(if all_ok { OK } else { Done(REFUSED) })
}

/// A warning works, and is shown; it does not fail the test.
fn is_ok(result: CheckResult) -> bool {
    match result {
        CheckResult::Ok | CheckResult::Warn => true,
        CheckResult::Unspecified | CheckResult::Bad | CheckResult::Skipped => false,
    }
}

fn line(check: &PeerCheck, out: Out) -> String {
    let (zh, en) = match check.result() {
        CheckResult::Ok => ("正常", "ok"),
        CheckResult::Warn => ("注意", "look"),
        CheckResult::Bad => ("不正常", "not ok"),
        CheckResult::Skipped | CheckResult::Unspecified => ("未查", "not seen"),
    };
    let mark = out.say(zh, en);
    let said = format!("  [{mark}] {}: {}", check.name, out.say(&check.say_zh, &check.say_en));
    if check.todo_zh.is_empty() {
        return said;
    }
    format!("{said}\n      → {}", out.say(&check.todo_zh, &check.todo_en))
}

fn check_json(check: &PeerCheck) -> Value {
    let result = check.result().as_str_name().trim_start_matches("CHECK_RESULT_").to_lowercase();
    json!({
        "name": check.name,
        "result": result,
        "say_zh": check.say_zh,
        "say_en": check.say_en,
        "todo_zh": check.todo_zh,
        "todo_en": check.todo_en,
    })
}
