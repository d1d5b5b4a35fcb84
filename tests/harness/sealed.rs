//! Grievances: a body with a key of its own, and a worker who seals something to it.

#![allow(clippy::unwrap_used)] // a helper that cannot go on ends the test

use crate::Sms;
use crate::town::Town;
use crate::world::Seeded;
use jieli_gateway::sealed::{self, KeyPair};
use jieli_node::serve::audit::AuditDoor;
use jieli_node::serve::grievance::GrievanceDoor;
use jieli_node::tokens::{self, Tokens};
use jieli_node::world::Entropy as _;
use jieli_proto::sealed::KeptCode;
use jieli_proto::wire::audit_server::Audit as _;
use jieli_proto::wire::grievance_server::Grievance as _;
use jieli_proto::wire::worker_server::Worker as _;
use jieli_proto::wire::{self, GrievanceKind, SealedBox, SealedStep, SealedWords};
use std::fmt::Write as _;
use std::sync::Arc;
use tonic::{Request, Status};

/// Random bytes of a seed.
pub fn random(seed: u64) -> impl FnMut(&mut [u8]) {
    let seeded = Seeded::new(0x5ea1_0000 + seed);
    move |bytes: &mut [u8]| seeded.fill(bytes)
}

/// What a worker says.
pub fn complaint(kind: GrievanceKind, words: &str) -> SealedWords {
    SealedWords { kind: kind.into(), words: words.to_owned(), ..SealedWords::default() }
}

/// Names an office of a stopped city, and a token for it, in its configuration.
pub fn give_token(town: &Town, office: (&str, &str), token: (&str, &str)) {
    let file = town.dir.join("jieli.toml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    let ((code, kind), (name, role)) = (office, token);
    if !kind.is_empty() {
        writeln!(
            text,
            "\n[[office]]\ncredit_code = \"{code}\"\nkind = \"{kind}\"\nname = \"{name}机构\"\n\
             telephone = \"0871-60000001\""
        )
        .unwrap();
    }
    writeln!(text, "\n[[desk.tokens]]\nname = \"{name}\"\nrole = \"{role}\"\noffice = \"{code}\"")
        .unwrap();
    let seed = 7_700 + name.bytes().map(u64::from).sum::<u64>();
    tokens::make(&town.dir, name, &Seeded::new(seed)).unwrap();
    std::fs::write(&file, text).unwrap();
}

impl Town {
    /// The door of grievance bodies.
    pub fn body_door(&self) -> GrievanceDoor {
        let node = self.node();
        let tokens = Arc::new(Tokens::load(&node.house().config).unwrap());
        GrievanceDoor::new(node.hand(), node.store(), node.house().clone(), tokens)
    }

    /// The door of compliance.
    pub fn audit_door(&self) -> AuditDoor {
        let node = self.node();
        let tokens = Arc::new(Tokens::load(&node.house().config).unwrap());
        AuditDoor::new(node.hand(), node.store(), node.house().clone(), tokens)
    }

    /// A request with the token of a name.
    pub fn with_token<T>(&self, token: &str, message: T) -> Request<T> {
        self.signed(token, message)
    }

    /// A body makes a key, and places its public half.
    pub async fn place_key(&self, token: &str, seed: u64) -> Result<KeyPair, Status> {
        let pair = KeyPair::make(&mut random(seed));
        let key = wire::GrievanceKey { public_key: pair.public(), placed_on: 0 };
        self.body_door().place_grievance_key(self.signed(token, key)).await?;
        Ok(pair)
    }

    /// To whom the holder of a notice can turn.
    pub async fn bodies(&self, sms: &Sms) -> Vec<wire::GrievanceBody> {
        let ask = wire::WorkerRequest { case_number: sms.case(), code: sms.code() };
        let found = self.worker_door().list_bodies(Request::new(ask)).await.unwrap();
        found.into_inner().bodies
    }

    /// The holder of a notice seals this to an office, whatever is listed.
    pub async fn files(
        &self,
        sms: &Sms,
        office: &str,
        key: &KeyPair,
        words: SealedWords,
        seed: u64,
    ) -> Result<KeptCode, Status> {
        let fill = &mut random(seed);
        let (filed, code) = sealed::to_body(office, &key.public(), words, fill).unwrap();
        self.files_box(sms, filed).await?;
        Ok(code)
    }

    /// The same with something sealed before.
    pub async fn files_box(&self, sms: &Sms, filed: SealedBox) -> Result<wire::FiledReply, Status> {
        let ask = wire::FileGrievanceRequest {
            case_number: sms.case(),
            code: sms.code(),
            filed: Some(filed),
        };
        let done = self.worker_door().file_grievance(Request::new(ask)).await?;
        Ok(done.into_inner())
    }

    /// How a grievance stands, for who has its code.
    pub async fn looks_at(&self, code: &KeptCode) -> Result<wire::SealedLine, Status> {
        let ask = wire::SealedRef { record_id: code.record_id().to_vec() };
        let done = self.worker_door().look_at_grievance(Request::new(ask)).await?;
        Ok(done.into_inner())
    }

    /// What a body lists.
    pub async fn sealed_list(&self, token: &str, call_back: &str) -> wire::SealedList {
        let call_back = call_back.to_owned();
        let ask = wire::ListSealedRequest { call_back, ..Default::default() };
        self.body_door().list_sealed(self.signed(token, ask)).await.unwrap().into_inner()
    }

    /// What a body does with a record.
    pub async fn handles(
        &self,
        token: &str,
        record: &[u8],
        step: SealedStep,
        sealed: Vec<u8>,
    ) -> Result<wire::SealedLine, Status> {
        let ask =
            wire::HandleSealedRequest { record_id: record.to_vec(), step: step.into(), sealed };
        let done = self.body_door().handle_sealed(self.signed(token, ask)).await?;
        Ok(done.into_inner())
    }

    /// What compliance reads of an agreement in November and December.
    pub async fn audit_report(&self, agreement_id: String) -> wire::AuditReport {
        let ask = wire::AuditReportRequest { agreement_id, from: 20_261_101, to: 20_261_231 };
        self.audit_door().report(self.signed("compliance", ask)).await.unwrap().into_inner()
    }
}
