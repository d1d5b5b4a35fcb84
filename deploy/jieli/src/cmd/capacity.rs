//! `jieli capacity`: places announced, and what other cities answered about theirs.

use super::dial::{At, Desk};
use super::say::{OK, Out, date, date_of};
use super::{Done, Fail};
use clap::{Args, Subcommand, ValueEnum};
use jieli_node::config::DeskRole;
use jieli_proto::wire::{self, CapacityState, Service};
use jieli_proto::words;
use serde_json::{Value, json};
use std::time::Duration;

/// Looks for an answer so often, half a second apart.
const LOOKS: u32 = 10;

const SET: &str = "\
名额数是全部名额（从 --from 起算），不是剩余；已留、已用、撤回后保留的由系统按事项计算。
The figure is the whole number since --from, not what is left: held, used and kept are counted.";
const ASK: &str =
    "不含任何个人信息，对方节点自动答复。 No person is in it; the other node answers by itself.";

#[derive(Debug, Subcommand)]
pub(super) enum CapacityCommand {
    /// Announces places of the own office; the same places again replace the figure.
    #[command(after_help = SET)]
    Set {
        #[command(flatten)]
        cut: CutArgs,
        /// All places since --from; without it nothing is counted.
        #[arg(long, default_value_t = 0)]
        places: u32,
        /// What is answered; else `has`, and once its places are out, `waitlist` or `none`.
        #[arg(long)]
        state: Option<StateArg>,
        /// Estimate for a waiting list, in days.
        #[arg(long, default_value_t = 0)]
        wait_days: u32,
        /// Last day that this counts, such as 2026-12-31.
        #[arg(long, value_parser = date_of)]
        valid_until: u32,
        /// Results from this day on count as used; else as before, at first today.
        #[arg(long, value_parser = date_of)]
        from: Option<u32>,
    },
    /// Lists own places with their counters.
    List {
        /// What other cities answered, instead.
        #[arg(long)]
        peers: bool,
    },
    /// Asks another city whether it has places.
    #[command(after_help = ASK)]
    Ask {
        /// City, by id or name.
        city: String,
        #[command(flatten)]
        cut: CutArgs,
    },
}

/// Which places.
#[derive(Args, Debug)]
pub(super) struct CutArgs {
    /// schooling or housing; a rule also employment.
    #[arg(long)]
    service: ServiceArg,
    /// School stage.
    #[arg(long)]
    stage: Option<StageArg>,
    /// Kind of home.
    #[arg(long)]
    kind: Option<KindArg>,
    /// District, as OFFERs name it; else the whole city.
    #[arg(long, default_value = "")]
    district: String,
    /// Vacancy reference, with employment.
    #[arg(long, default_value = "")]
    vacancy: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ServiceArg {
    Schooling,
    Housing,
    Employment,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StageArg {
    Kindergarten = 1,
    Primary,
    Junior,
    Senior,
    Vocational,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindArg {
    PublicRental = 1,
    AffordableRental,
    Dormitory,
    RentSubsidy,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum StateArg {
    Has,
    None,
    Waitlist,
    AssessFirst,
}

impl StateArg {
    fn wire(self) -> CapacityState {
        match self {
            StateArg::Has => CapacityState::Has,
            StateArg::None => CapacityState::None,
            StateArg::Waitlist => CapacityState::Waitlist,
            StateArg::AssessFirst => CapacityState::AssessFirst,
        }
    }
}

impl CutArgs {
    pub(super) fn wire(self) -> wire::Cut {
        let service = match self.service {
            ServiceArg::Schooling => Service::Schooling,
            ServiceArg::Housing => Service::Housing,
            ServiceArg::Employment => Service::Employment,
        };
        wire::Cut {
            service: service.into(),
            stage: self.stage.map_or(0, |stage| stage as u32),
            home_kind: self.kind.map_or(0, |kind| kind as u32),
            district: self.district,
            reference: self.vacancy,
        }
    }
}

impl CapacityCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut desk = at.desk(DeskRole::Clerk).await?;
        match self {
            CapacityCommand::Set { cut, places, state, wait_days, valid_until, from } => {
                let request = wire::SetCapacityRequest {
                    cut: Some(cut.wire()),
                    state: state.map_or(CapacityState::Unspecified, StateArg::wire).into(),
                    places,
                    wait_days,
                    valid_until,
                    counts_from: from.unwrap_or(0),
                };
                let line = desk.set_capacity(request).await?.into_inner();
                out.show(&line_json(&line), || line_text(&line, out));
            }
            CapacityCommand::List { peers } => {
                let request = wire::ListCapacityRequest { peers };
                let list = desk.list_capacity(request).await?.into_inner();
                let value = if peers {
                    Value::Array(list.heard.iter().map(heard_json).collect())
                } else {
                    Value::Array(list.lines.iter().map(line_json).collect())
                };
                out.show(&value, || {
                    let own = list.lines.iter().map(|line| line_text(line, out));
                    own.chain(list.heard.iter().map(|heard| heard_text(heard, out)))
                        .collect::<Vec<_>>()
                        .join("\n")
                });
            }
            CapacityCommand::Ask { city, cut } => ask(&mut desk, city, cut.wire(), out).await?,
        }
        Ok(OK)
    }
}

/// Asks, and waits a little: most answers are there at once.
async fn ask(desk: &mut Desk, city: String, cut: wire::Cut, out: Out) -> Result<(), Fail> {
    let request = wire::AskCapacityRequest { city, cut: Some(cut) };
    let query = desk.ask_capacity(request).await?.into_inner().query;
    for _ in 0..LOOKS {
        let now = heard(desk).await?;
        if let Some(answer) = now.iter().find(|now| now.query == query && !now.pending) {
            out.show(&heard_json(answer), || heard_text(answer, out));
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    out.show(&json!({ "query": query, "state": null }), || {
        out.say(
            "已发出。对方还没有答复，稍后用 jieli capacity list --peers 查看。",
            "Sent, and not answered yet: look later with `jieli capacity list --peers`.",
        )
    });
    Ok(())
}

async fn heard(desk: &mut Desk) -> Result<Vec<wire::CapacityHeard>, Fail> {
    let request = wire::ListCapacityRequest { peers: true };
    Ok(desk.list_capacity(request).await?.into_inner().heard)
}

/// A cut in the words of the forms.
pub(super) fn cut_text(cut: &wire::Cut, out: Out) -> String {
    let service = words::service(cut.service());
    let code = words::code(2, 1, u64::from(cut.stage));
    let code = code.or_else(|| words::code(3, 1, u64::from(cut.home_kind)));
    let mut text = out.say(service.zh, service.en);
    for part in [
        code.map_or(String::new(), |code| out.say(code.zh, code.en)),
        cut.district.clone(),
        cut.reference.clone(),
    ] {
        if !part.is_empty() {
            text += &format!("  {part}");
        }
    }
    text
}

pub(super) fn cut_json(cut: &wire::Cut) -> Value {
    json!({
        "service": cut.service().as_str_name().trim_start_matches("SERVICE_").to_lowercase(),
        "stage": cut.stage,
        "home_kind": cut.home_kind,
        "district": cut.district,
        "reference": cut.reference,
    })
}

fn state_text(state: CapacityState, wait_days: u32, out: Out) -> String {
    match state {
        CapacityState::Unspecified => out.say("尚未答复", "not answered yet"),
        CapacityState::Has => out.say("有名额", "has places"),
        CapacityState::None => out.say("没有名额", "no place"),
        CapacityState::Waitlist => out.say(
            &format!("轮候，预计 {wait_days} 天"),
            &format!("waiting list, about {wait_days} days"),
        ),
        CapacityState::AssessFirst => out.say("须先评估", "to be assessed first"),
    }
}

fn state_json(state: CapacityState) -> Value {
    match state {
        CapacityState::Unspecified => Value::Null,
        CapacityState::Has => json!("has"),
        CapacityState::None => json!("none"),
        CapacityState::Waitlist => json!("waitlist"),
        CapacityState::AssessFirst => json!("assess-first"),
    }
}

fn line_text(line: &wire::CapacityLine, out: Out) -> String {
    let cut = line.cut.clone().unwrap_or_default();
    let mut text =
        format!("{}  {}", cut_text(&cut, out), state_text(line.state(), line.wait_days, out));
    let until = date(line.valid_until);
    if line.places > 0 {
        let left = left(line);
        let (places, held, used, kept) = (line.places, line.held, line.used, line.kept);
        text += "\n  ";
        text += &out.say(
            &format!("公布 {places}，已留 {held}，已用 {used}，撤回后保留 {kept}，剩余 {left}；"),
            &format!("announced {places}, held {held}, used {used}, kept {kept}, left {left};"),
        );
    }
    text += "\n  ";
    text += &if line.expired {
        out.say(
            &format!("已于 {until} 过期，请重新公布。"),
            &format!("expired on {until}: announce it anew."),
        )
    } else {
        out.say(&format!("有效至 {until}"), &format!("valid until {until}"))
    };
    text
}

fn left(line: &wire::CapacityLine) -> u32 {
    line.places.saturating_sub(line.held + line.used + line.kept)
}

fn line_json(line: &wire::CapacityLine) -> Value {
    json!({
        "office": line.office,
        "cut": cut_json(&line.cut.clone().unwrap_or_default()),
        "state": state_json(line.state()),
        "places": line.places,
        "held": line.held,
        "used": line.used,
        "kept": line.kept,
        "left": left(line),
        "wait_days": line.wait_days,
        "counts_from": date(line.counts_from),
        "as_of": date(line.as_of),
        "valid_until": date(line.valid_until),
        "expired": line.expired,
    })
}

fn heard_text(heard: &wire::CapacityHeard, out: Out) -> String {
    let cut = heard.cut.clone().unwrap_or_default();
    let state = state_text(heard.state(), heard.wait_days, out);
    let mut text = format!("{}  {}  {state}", heard.city, cut_text(&cut, out));
    if heard.as_of > 0 {
        let (as_of, until) = (date(heard.as_of), date(heard.valid_until));
        text += "\n  ";
        text += &if heard.expired {
            out.say(
                &format!("{as_of} 的情况，已于 {until} 过期，请重新询问。"),
                &format!("as of {as_of}, expired on {until}: ask again."),
            )
        } else {
            out.say(
                &format!("{as_of} 的情况，有效至 {until}"),
                &format!("as of {as_of}, valid until {until}"),
            )
        };
    }
    if heard.pending && heard.as_of > 0 {
        text += "\n  ";
        text += &out.say("已再次询问，尚未答复。", "Asked again, not answered yet.");
    }
    text
}

fn heard_json(heard: &wire::CapacityHeard) -> Value {
    json!({
        "city": heard.city,
        "cut": cut_json(&heard.cut.clone().unwrap_or_default()),
        "state": state_json(heard.state()),
        "wait_days": heard.wait_days,
        "as_of": date(heard.as_of),
        "valid_until": date(heard.valid_until),
        "expired": heard.expired,
        "asked_unix_ms": heard.asked_unix_ms,
        "pending": heard.pending,
        "query": heard.query,
    })
}
