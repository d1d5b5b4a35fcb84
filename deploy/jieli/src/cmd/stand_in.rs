//! `jieli stand-in`: who sees and does the work of somebody absent.

use super::dial::At;
use super::say::{OK, Out, date, date_of};
use super::{Done, Fail};
use clap::Subcommand;
use jieli_proto::wire;
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub(super) enum StandInCommand {
    /// Names who stands in: of the same office and role, another person. It ends by itself.
    Name {
        /// Name of the stand-in's token.
        token: String,
        /// Who is absent; an approver names one for anybody of the office. Default: this token.
        #[arg(long = "for", default_value = "")]
        absent: String,
        /// The first day, such as 2026-12-01. Default: today.
        #[arg(long, value_parser = date_of)]
        from: Option<u32>,
        /// The last day.
        #[arg(long, value_parser = date_of)]
        to: u32,
    },
    /// Who stands in for whom in this office, now and later.
    List,
    /// Ends it before its day.
    End {
        /// As `stand-in list` prints it.
        id: String,
    },
}

impl StandInCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut rota = at.rota().await?;
        let list = match self {
            StandInCommand::Name { token, absent, from, to } => {
                let from = from.unwrap_or_default();
                let ask = wire::StandInRequest { absent, stand_in: token, from, to };
                rota.name_stand_in(ask).await
            }
            StandInCommand::List => rota.list_stand_ins(wire::ListStandInsRequest {}).await,
            StandInCommand::End { id } => rota.end_stand_in(wire::StandInRef { id }).await,
        };
        let all = list?.into_inner().stand_ins;
        out.show(&Value::Array(all.iter().map(json_of).collect()), || {
            if all.is_empty() {
                return out.say("本机构没有代班。", "Nobody stands in at this office.");
            }
            all.iter().map(|one| text_of(one, out)).collect::<Vec<_>>().join("\n")
        });
        Ok(OK)
    }
}

fn json_of(one: &wire::StandIn) -> Value {
    json!({
        "id": one.id,
        "absent": one.absent,
        "stand_in": one.stand_in,
        "from": date(one.from),
        "to": date(one.to),
        "now": one.now,
    })
}

fn text_of(one: &wire::StandIn, out: Out) -> String {
    let wire::StandIn { id, absent, stand_in, .. } = one;
    let (from, to) = (date(one.from), date(one.to));
    let now = if one.now { out.say("  [现在]", "  [now]") } else { String::new() };
    out.say(
        &format!("{id}  {from} 至 {to}  {stand_in} 代 {absent}{now}"),
        &format!("{id}  {from} to {to}  {stand_in} for {absent}{now}"),
    )
}
