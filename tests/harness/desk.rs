//! What a desk sees and undoes, through its own door.

#![allow(clippy::unwrap_used)] // a helper that cannot go on ends the test

use crate::stuck::eventually;
use crate::town::Town;
use crate::towns::Towns;
use jieli_node::command::{DeskCommand, Done};
use jieli_node::legs::LegFile;
use jieli_node::serve::desk::DeskDoor;
use jieli_node::tokens::{self, Tokens};
use jieli_node::writer::Failure;
use jieli_proto::id::LegId;
use jieli_proto::wire;
use jieli_proto::wire::desk_server::Desk as _;
use std::sync::Arc;
use tonic::Request;

/// Name of the token of the coordination window.
pub const WINDOW_TOKEN: &str = "window";

impl Town {
    pub(crate) fn door(&self) -> DeskDoor {
        let node = self.node();
        let tokens = Arc::new(Tokens::load(&node.house().config).unwrap());
        DeskDoor::new(node.hand().clone(), node.store().clone(), node.house().clone(), tokens)
    }

    /// A request with a token.
    pub fn signed<T>(&self, token: &str, message: T) -> Request<T> {
        let text = std::fs::read_to_string(tokens::path(&self.dir, token)).unwrap();
        let mut request = Request::new(message);
        let value = format!("Bearer {}", text.trim()).parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        request
    }

    /// A leg as the coordination window sees it.
    pub async fn view(&self, leg: LegId) -> wire::LegView {
        let file = self.leg(leg).await;
        let case_number = self.case_of(&file).await;
        let ask = wire::CaseRef { case_number, ..wire::CaseRef::default() };
        let shown = self.door().show_case(self.signed(WINDOW_TOKEN, ask)).await.unwrap();
        let number = |view: &wire::LegView| view.line.as_ref().map(|line| line.number);
        let mut legs = shown.into_inner().legs.into_iter();
        legs.find(|view| number(view) == Some(file.number)).unwrap()
    }

    /// A case as the holder of a token sees it, with the persons where a purpose is named; the word
    /// of the denial where there is none for that token.
    pub async fn case_seen(
        &self,
        token: &str,
        case: &str,
        purpose: &str,
    ) -> Result<wire::CaseView, String> {
        let (case_number, purpose) = (case.to_owned(), purpose.to_owned());
        let ask = wire::CaseRef { case_number, purpose, ..wire::CaseRef::default() };
        let shown = self.door().show_case(self.signed(token, ask)).await;
        shown.map(tonic::Response::into_inner).map_err(|status| status.message().to_owned())
    }

    /// What only this city knows of a leg.
    pub async fn desk_view(&self, leg: LegId) -> wire::LegDesk {
        self.view(leg).await.line.unwrap().desk.unwrap()
    }

    /// The queue of a token.
    pub async fn queue(&self, token: &str, ask: wire::ListCasesRequest) -> wire::CaseList {
        self.door().list_cases(self.signed(token, ask)).await.unwrap().into_inner()
    }

    /// The agreements, as a token lists them.
    pub async fn agreements(&self, token: &str) -> Vec<wire::AgreementView> {
        let ask = self.signed(token, wire::ListAgreementsRequest::default());
        self.door().list_agreements(ask).await.unwrap().into_inner().agreements
    }

    async fn named(&self, file: &LegFile) -> (String, u32) {
        (self.case_of(file).await, file.number)
    }

    /// Takes back what waits in a leg.
    pub async fn undo(&self, leg: LegId) -> Result<wire::ActReply, Failure> {
        let (case_number, leg) = self.named(&self.leg(leg).await).await;
        let request = wire::UndoRequest { case_number, leg };
        self.told(DeskCommand::UndoAct(request)).await
    }

    /// Gives a leg to another token.
    pub async fn hand_over(&self, leg: LegId, to: &str) -> Result<wire::ActReply, Failure> {
        let (case_number, leg) = self.named(&self.leg(leg).await).await;
        let request = wire::HandOverRequest { case_number, leg, to_token: to.to_owned() };
        self.told(DeskCommand::HandOver(request)).await
    }

    async fn told(&self, command: DeskCommand) -> Result<wire::ActReply, Failure> {
        let done = self.desk_of(self.window_office(), command).await?;
        let Done::Acted(reply) = done else { panic!("{done:?}") };
        Ok(reply)
    }

    /// Whether nothing waits to be sent or undone.
    pub async fn nothing_pends(&self) {
        eventually("nothing to pend", async || {
            self.count("SELECT COUNT(*) FROM pending_act").await == 0
        })
        .await;
    }
}

impl Towns {
    /// Both cities start again with so many minutes for Undo.
    pub async fn with_undo(mut self, minutes: u64) -> Towns {
        for town in [&mut self.kunming, &mut self.ruian] {
            town.stop().await;
            let file = town.dir.join("jieli.toml");
            let text = std::fs::read_to_string(&file).unwrap();
            let minutes = format!("undo_minutes = {minutes}");
            std::fs::write(&file, text.replace("undo_minutes = 0", &minutes)).unwrap();
            town.start().await;
        }
        self
    }

    /// Waits until both nodes have done what they do by themselves at once, and all letters are in.
    pub async fn quiet(&self) {
        let sql = "SELECT COUNT(*) FROM timer WHERE kind IN ('release', 'effect', 'ask-terms', \
                   'ask-complete', 'went-withheld', 'send-act', 'send-outcome')";
        for _ in 0..2 {
            for town in [&self.kunming, &self.ruian] {
                eventually("the timers", async || town.count(sql).await == 0).await;
            }
            self.settled().await;
        }
    }
}
