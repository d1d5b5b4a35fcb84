//! A node loses its power in the middle.

use super::*;

impl Story {
    /// SIGKILL while a letter is on its way; then the node is started again.
    pub(super) async fn killed(&mut self) -> Result<Value> {
        let both = [Service::Employment, Service::Housing];
        let worker = self.pick_with("worker", "瑞安", &both, false)?;
        self.ask(&[&worker]).await?;
        let before = self.status(self.ruian()).await?.exchange.unwrap_or_default();
        self.ruian().crash()?;
        self.say_yes(&worker, &[Service::Housing]).await?;
        self.until("a letter that waits", async || {
            Ok(self.status(self.kunming()).await?.letters_waiting > 0)
        })
        .await?;
        let waited = self.status(self.kunming()).await?.letters_waiting;
        self.ruian().restart().await?;
        let (case, leg) =
            self.arrived(self.kunming(), self.ruian(), &worker.case, Service::Housing).await?;
        let lanes = self.same_lanes().await?;
        let view = self.show(self.ruian(), &case, "window", "").await?;
        let line = |view: &wire::LegView| view.line.as_ref().is_some_and(|l| l.number == leg);
        let legs = view.legs.iter().filter(|view| line(view));
        let offers = legs.flat_map(|leg| &leg.messages).filter(|m| m.r#type == "OFFER").count();
        let after = self.status(self.ruian()).await?.exchange.unwrap_or_default();
        if offers != 1 || after.size < before.size {
            bail!("{offers} offers; log {} before, {} after", before.size, after.size);
        }
        Ok(json!({ "killed": "ruian.zj", "letters_waiting_meanwhile": waited,
            "times_it_arrived": offers, "records_identical": true, "lanes_compared": lanes,
            "log_size_before": before.size, "log_size_after": after.size, "log_root": after.root }))
    }
}
