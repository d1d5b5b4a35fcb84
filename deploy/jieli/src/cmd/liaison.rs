//! `jieli liaison`: what a liaison post sees of its agreements.

use super::dial::At;
use super::say::{OK, Out, date};
use super::{Done, Fail, case_views};
use clap::Subcommand;
use jieli_proto::wire;
use jieli_proto::words;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum LiaisonCommand {
    /// How much is open and late under the agreements that name this post, and what is late, by
    /// number. Nothing of a person.
    Delays {
        /// The place that the page before printed.
        #[arg(long, default_value = "")]
        after: String,
        /// Lines of a page.
        #[arg(long, default_value_t = 50)]
        most: u32,
    },
}

impl LiaisonCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let LiaisonCommand::Delays { after, most } = self;
        let mut liaise = at.liaise().await?;
        let list = liaise.list_delays(wire::ListDelaysRequest { after, most }).await?.into_inner();
        let partners = list.partners.iter().map(|one| {
            json!({
                "agreement": one.agreement_id,
                "city": one.city,
                "open": one.open,
                "late": one.late,
                "due_this_week": one.due_this_week,
            })
        });
        let lines = list.lines.iter().map(|one| {
            json!({
                "case": one.case_number,
                "leg": one.leg,
                "city": one.city,
                "service": words::service(one.service()).en,
                "stage": one.stage,
                "duty": one.duty,
                "due": date(one.due_date),
                "turn": one.turn,
                "needs_person": one.needs_person,
                "window": one.window.as_ref().map(case_views::window_json),
            })
        });
        let value = json!({
            "partners": partners.collect::<Vec<_>>(),
            "late": lines.collect::<Vec<_>>(),
            "next": list.next,
        });
        out.show(&value, || text(&list, out));
        Ok(OK)
    }
}

fn text(list: &wire::DelayList, out: Out) -> String {
    let partners = list.partners.iter().map(|one| {
        let (city, open, late, week) = (&one.city, one.open, one.late, one.due_this_week);
        out.say(
            &format!("{city}  在办 {open}，逾期 {late}，本周到期 {week}"),
            &format!("{city}  {open} open, {late} late, {week} due this week"),
        )
    });
    let lines = list.lines.iter().map(|one| {
        let (case, leg, city, due) = (&one.case_number, one.leg, &one.city, date(one.due_date));
        let word = words::service(one.service());
        let (who_zh, who_en) = match one.turn.as_str() {
            "ours" => ("本市", "this city"),
            _ => ("对方", "the other city"),
        };
        let (call_zh, call_en) = match one.needs_person {
            true => ("，请打电话", "; telephone"),
            false => ("", ""),
        };
        let said = out.say(
            &format!("{case}/{leg}  {}  {city}  {due} 到期，等{who_zh}{call_zh}", word.zh),
            &format!("{case}/{leg}  {}  {city}  due {due}, waits for {who_en}{call_en}", word.en),
        );
        let window = one.window.as_ref().map(|window| case_views::window_text(window, out));
        [Some(said), window].into_iter().flatten().collect::<Vec<_>>().join("\n     ")
    });
    let next = Some(&list.next).filter(|next| !next.is_empty()).map(|next| {
        out.say(&format!("下一页：--after {next}"), &format!("next page: --after {next}"))
    });
    partners.chain(lines).chain(next).collect::<Vec<_>>().join("\n")
}
