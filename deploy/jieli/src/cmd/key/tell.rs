//! Keys and manifests for people and programs.

use super::super::say::{Out, time};
use jieli_node::keys::KeyName;
use jieli_proto::id::Digest;
use jieli_proto::pubkey::PublicKey;
use jieli_proto::wire::{self, KeyManifest, RevocationReason, Role};
use serde_json::{Value, json};

pub(super) fn list_json(list: &wire::KeyList) -> Value {
    json!({
        "city_id": list.city_id,
        "version": list.version,
        "keys": list.keys.iter().map(|key| json!({
            "fpr": key.fpr,
            "roles": key.roles().map(role).collect::<Vec<_>>(),
            "not_before": key.not_before,
            "state": key.state,
            "number": key.number,
        })).collect::<Vec<_>>(),
        "revoked": list.revoked.iter().map(|gone| json!({
            "fpr": gone.fpr,
            "reason": reason(gone.reason()),
            "last_good": last_good(&gone.last_good),
        })).collect::<Vec<_>>(),
        "holders": list.holders.iter().map(|held| json!({
            "city_id": held.city_id, "version": held.version, "waited_for": held.reached,
        })).collect::<Vec<_>>(),
    })
}

pub(super) fn list_text(list: &wire::KeyList, out: Out) -> String {
    let version = list.version;
    let mut lines = vec![out.say(
        &format!("{}：密钥清单第 {version} 版", list.city_id),
        &format!("{}: key manifest version {version}", list.city_id),
    )];
    for key in &list.keys {
        let roles: Vec<&str> = key.roles().map(role).collect();
        let number = if key.number > 0 { format!("/{}", key.number) } else { String::new() };
        let state = out.say(&key.say_zh, &key.say_en);
        lines.push(format!("{}{number} {} {state}", roles.join("+"), key.fpr));
    }
    for gone in &list.revoked {
        let what = out.say("已停用", "revoked");
        lines.push(format!(
            "{} {what} {} {}",
            gone.fpr,
            reason(gone.reason()),
            places(&gone.last_good)
        ));
    }
    for held in &list.holders {
        let (city, version) = (&held.city_id, held.version);
        lines.push(if held.reached {
            out.say(
                &format!("{city} 持有第 {version} 版"),
                &format!("{city} holds version {version}"),
            )
        } else {
            out.say(
                &format!("{city}：没有生效的协议，请另行交给它新的 public.json"),
                &format!("{city}: no agreement in force; give it the new public.json"),
            )
        });
    }
    lines.join("\n")
}

pub(super) fn manifest_json(payload: &KeyManifest) -> Value {
    json!({
        "city_id": payload.city_id,
        "version": payload.version,
        "prev_digest": hex::encode(&payload.prev_digest),
        "keys": payload.keys.iter().map(|key| json!({
            "fpr": fpr(&key.spki),
            "roles": key.roles().map(role).collect::<Vec<_>>(),
            "not_before": key.not_before,
        })).collect::<Vec<_>>(),
        "revocations": payload.revocations.iter().map(|gone| json!({
            "fpr": hex::encode(&gone.fingerprint),
            "reason": reason(gone.reason()),
            "last_good": last_good(&gone.last_good),
        })).collect::<Vec<_>>(),
    })
}

pub(super) fn manifest_text(payload: &KeyManifest, out: Out) -> String {
    let (city, version) = (&payload.city_id, payload.version);
    let mut lines = vec![out.say(
        &format!("{city} 密钥清单第 {version} 版，列出："),
        &format!("Key manifest {version} of {city} lists:"),
    )];
    for key in &payload.keys {
        let roles: Vec<&str> = key.roles().map(role).collect();
        lines.push(format!("+ {} {} {}", roles.join("+"), fpr(&key.spki), time(key.not_before)));
    }
    for gone in &payload.revocations {
        let fpr = hex::encode(&gone.fingerprint);
        lines.push(format!("- {fpr} {} {}", reason(gone.reason()), places(&gone.last_good)));
    }
    lines.join("\n")
}

pub(super) fn disputed_json(found: &wire::DisputedList) -> Value {
    json!({
        "more": found.more,
        "disputed": found.lines.iter().map(|line| json!({
            "city_id": line.city_id,
            "fpr": line.fpr,
            "reason": reason(line.reason()),
            "agreement_id": line.agreement_id,
            "lane": line.lane,
            "lane_seq": line.lane_seq,
            "env_digest": line.env_digest,
            "origin": line.origin,
            "index": line.index,
            "case_number": line.case_number,
        })).collect::<Vec<_>>(),
    })
}

pub(super) fn disputed_text(found: &wire::DisputedList, out: Out) -> String {
    if found.lines.is_empty() {
        return out.say("没有有争议的记录。", "Nothing is disputed.");
    }
    let mut lines = vec![out.say(
        "以下记录由已停用的密钥签名，且超过其最后有效位置；效力保留，请逐件核实：",
        "Signed by a revoked key, past the last place at which it counts. They keep their effect: look \
         into each.",
    )];
    for line in &found.lines {
        let (case, city) = (&line.case_number, &line.city_id);
        let (lane, seq, index) = (line.lane, line.lane_seq, line.index);
        lines.push(format!(
            "{case} {city} {lane}/{seq} {} {} {index}",
            line.env_digest, line.origin
        ));
    }
    if found.more {
        lines.push(out.say("……还有更多。", "... and more."));
    }
    lines.join("\n")
}

fn role(role: Role) -> &'static str {
    let names = [KeyName::Root, KeyName::Message, KeyName::Log, KeyName::Cosigner, KeyName::Tls];
    names.into_iter().find(|name| name.role() == Some(role)).map_or("?", KeyName::as_str)
}

fn reason(reason: RevocationReason) -> &'static str {
    reason.as_str_name().trim_start_matches("REVOCATION_REASON_")
}

fn fpr(spki: &[u8]) -> String {
    PublicKey::from_spki(spki).map_or("?".to_owned(), |key| Digest(key.fingerprint()).hex())
}

fn last_good(list: &[wire::LastGood]) -> Vec<Value> {
    list.iter().map(|good| json!({ "origin": good.origin, "index": good.index })).collect()
}

fn places(list: &[wire::LastGood]) -> String {
    let each: Vec<String> =
        list.iter().map(|good| format!("{}={}", good.origin, good.index)).collect();
    each.join(" ")
}
