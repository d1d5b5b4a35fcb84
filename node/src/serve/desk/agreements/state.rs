//! Who waits for whom, until when: an agreement's state in plain words.

use super::{Held, Version};
use crate::agreements::standing::Proposal;
use crate::agreements::waiting::Waiting;
use crate::directory::{Bond, Directory};
use crate::house::House;
use jieli_proto::day::Day;
use jieli_proto::kinds::PartySide;
use jieli_proto::wire::ActType;
use jieli_proto::words;

/// What the words are made from.
pub(super) struct Told<'a> {
    house: &'a House,
    bond: &'a Bond,
    held: &'a Held,
    /// Names of this city and of the other.
    us: String,
    them: String,
}

impl<'a> Told<'a> {
    pub(super) fn new(
        directory: &Directory,
        house: &'a House,
        bond: &'a Bond,
        held: &'a Held,
    ) -> Told<'a> {
        let them = directory.peers.get(&bond.peer);
        let them = them.map_or(bond.peer.as_str().to_owned(), |peer| peer.name.clone());
        Told { house, bond, held, us: directory.name.clone(), them }
    }

    fn name(&self, side: PartySide) -> &str {
        if side == self.bond.our_side { &self.us } else { &self.them }
    }

    /// The word for the state, and what it means.
    pub(super) fn state(
        &self,
        pending: Option<(&Proposal, &Version)>,
    ) -> (&'static str, String, String) {
        let now_ms = self.house.world.clock.now_unix_ms();
        let state = self.bond.state(self.house.calendar().day_of_unix_ms(now_ms));
        let (mut zh, mut en) = self.in_force(state);
        let mut word = state;
        if !self.bond.flags.is_empty() && state != "CLOSED" {
            let (more_zh, more_en) = self.flagged(state);
            zh.push_str(&more_zh);
            en = format!("{en} {more_en}").trim().to_owned();
        }
        if let Some((proposal, _)) = pending {
            let (more_zh, more_en) = self.pending(proposal);
            zh.push_str(&more_zh);
            en = format!("{en} {more_en}").trim().to_owned();
            if state == "PROPOSED" && !proposal.is_open_at(now_ms) {
                word = "LAPSED";
            }
        }
        (word, zh, en)
    }

    /// What holds, whatever was proposed since.
    fn in_force(&self, state: &str) -> (String, String) {
        let version = self.bond.version();
        let (posts_zh, posts_en) = self.posts();
        match state {
            "ACTIVE" => {
                let to = self.bond.in_force().map_or(String::new(), |a| a.to.to_string());
                (
                    format!("第{version}版生效中，至 {to}。{posts_zh}"),
                    format!("Version {version} is in force until {to}. {posts_en}"),
                )
            }
            // By a flag alone: told with it.
            "SUSPENDED" if self.bond.suspenders().is_empty() => {
                (format!("第{version}版生效。{posts_zh}"), format!("Version {version}. {posts_en}"))
            }
            "SUSPENDED" => {
                let by: Vec<&str> =
                    self.bond.suspenders().into_iter().map(|side| self.name(side)).collect();
                let (only_zh, only_en) = match by.as_slice() {
                    [one] => (format!("只有{one}可以恢复"), format!("only {one} can resume it")),
                    _ => ("双方都恢复后才继续".to_owned(), "both have to resume it".to_owned()),
                };
                let (by_zh, by_en) = (by.join("、"), by.join(" and "));
                (
                    format!(
                        "第{version}版已由{by_zh}暂停：不收新办件，已发出的继续办理；{only_zh}。{posts_zh}"
                    ),
                    format!(
                        "Version {version} was suspended by {by_en}: no new cases, those on the \
                         road go on; {only_en}. {posts_en}"
                    ),
                )
            }
            "TERMINATED" => {
                let on = self.bond.terminated().map_or(String::new(), |(_, on)| on.to_string());
                (
                    format!("已终止：不收新办件，过渡至 {on}，此后关闭。{posts_zh}"),
                    format!(
                        "Ended: no new cases; it winds down until {on}, then it is closed. {posts_en}"
                    ),
                )
            }
            "CLOSED" => ("已关闭。".to_owned(), "Closed.".to_owned()),
            _ => (String::new(), String::new()),
        }
    }

    /// V17: what was raised and waits for an answer.
    fn flagged(&self, state: &str) -> (String, String) {
        let (mut zh, mut en) = (Vec::new(), Vec::new());
        for flag in &self.bond.flags {
            let (word, by) = (words::flag(flag.kind), flag.answer_by);
            let month = format!("{}-{:02}", flag.month / 100, flag.month % 100);
            let who = self.name(flag.side.other());
            zh.push(format!("{month}“{}”，由{who}审阅人员在 {by} 前答复", word.zh));
            en.push(format!(
                "{month}: {}, to be answered by the reviewer of {who} by {by}",
                word.en
            ));
        }
        let (zh, en) = (zh.join("；"), en.join("; "));
        if state == "SUSPENDED" && self.bond.suspenders().is_empty() {
            return (
                format!(
                    "风险提示逾期未答复，不收新办件，撤回、在办事项和删除照常；答复后自动恢复。{zh}。"
                ),
                format!(
                    "A flag was not answered in time: no new cases; withdrawals, open items and \
                     erasure go on; it resumes by itself with the answer. {en}."
                ),
            );
        }
        (format!("风险提示待答复：{zh}。"), format!("Flags to be answered: {en}."))
    }

    /// Who stands behind the version in force, on both sides.
    fn posts(&self) -> (String, String) {
        let found = self.held.live().and_then(|live| self.held.posts_of(live));
        let Some((side, proposers, signers)) = found else { return Default::default() };
        let (one, other) = (self.name(side), self.name(side.other()));
        (
            format!(
                "{one}提出（{}），{other}会签（{}）。",
                proposers.join("、"),
                signers.join("、")
            ),
            format!(
                "Proposed by {one} ({}), countersigned by {other} ({}).",
                proposers.join(", "),
                signers.join(", ")
            ),
        )
    }

    /// A proposal that waits, or that waited in vain.
    pub(super) fn pending(&self, proposal: &Proposal) -> (String, String) {
        let ours = proposal.side == self.bond.our_side;
        let (by, other) = (self.name(proposal.side), self.name(proposal.side.other()));
        let (version, posts) = (proposal.version, &proposal.posts);
        let (what_zh, what_en) =
            if proposal.is_counter { ("的修改稿", "a counter-proposal of ") } else { ("", "") };
        let said_zh = format!("{by}提出了第{version}版{what_zh}（{}）", posts.join("、"));
        let said_en =
            format!("{by} has proposed {what_en}version {version} ({})", posts.join(", "));
        let until = moment(self.house, proposal.until_ms());
        if !proposal.is_open_at(self.house.world.clock.now_unix_ms()) {
            return (
                format!("{said_zh}，至 {until} 无人会签，已作废；可以重新提出。"),
                format!(
                    "{said_en}; nobody countersigned it until {until}, so it lapsed; it may be made again."
                ),
            );
        }
        let (todo_zh, todo_en) = if ours {
            ("", "")
        } else {
            (
                "本市可以会签（countersign）或提出修改稿（counter）。",
                " Countersign it, or counter it.",
            )
        };
        (
            format!("{said_zh}，等待{other}两个岗位会签，至 {until}，逾期作废。{todo_zh}"),
            format!(
                "{said_en}; it waits for two posts of {other} to countersign until {until}, then \
                 it lapses.{todo_en}"
            ),
        )
    }
}

/// An act that waits for a second approver of this city.
pub(super) fn waiting(house: &House, one: &Waiting) -> (String, String) {
    let day = |number| Day::from_number(number).map_or(String::new(), |day| day.to_string());
    let version = one.version;
    let (zh, en) = match one.act {
        ActType::Propose => (format!("提出第{version}版"), format!("to propose version {version}")),
        ActType::CounterPropose => {
            (format!("提出第{version}版的修改稿"), format!("to counter version {version}"))
        }
        ActType::Countersign => {
            (format!("会签第{version}版"), format!("to countersign version {version}"))
        }
        ActType::Suspend => ("暂停协议".to_owned(), "to suspend it".to_owned()),
        ActType::Resume => ("恢复协议".to_owned(), "to resume it".to_owned()),
        ActType::Terminate => {
            let on = day(one.wind_down_on);
            (format!("终止协议，过渡至 {on}"), format!("to end it, winding down until {on}"))
        }
        ActType::Unspecified
        | ActType::Manifest
        | ActType::Pack
        | ActType::Flag
        | ActType::AnswerFlag => ("-".to_owned(), "-".to_owned()),
    };
    let (id, post) = (hex::encode(one.id), &one.post);
    let until = moment(house, one.lapses_ms);
    (
        format!(
            "待批准 {id}：{post}已发起{zh}，等待本市另一岗位批准，至 {until}，逾期作废；批准前什么也不发出。"
        ),
        format!(
            "Draft {id}: the post {post} has asked {en}; it waits for another post of this city \
             until {until}, then it lapses. Nothing is sent before."
        ),
    )
}

/// Date and time of day in the zone of the calendar.
fn moment(house: &House, unix_ms: u64) -> String {
    let zone = house.calendar().zone_offset_min();
    let day = house.calendar().day_of_unix_ms(unix_ms);
    let minutes = unix_ms.saturating_sub(day.start_unix_ms(zone)) / 60_000;
    format!("{day} {:02}:{:02}", minutes / 60, minutes % 60)
}
