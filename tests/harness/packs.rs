//! Packs of a town, and everything that can be read in a bundle or pack.

#![allow(clippy::unwrap_used)] // a helper that cannot go on ends the test

use crate::town::Town;
use base64::Engine as _;
use jieli_node::config::Config;
use jieli_node::serve::audit::AuditDoor;
use jieli_node::tokens::{self, Tokens};
use jieli_proto::bundle::zip_read;
use jieli_proto::id::AgreementId;
use jieli_proto::wire;
use jieli_proto::wire::audit_server::Audit as _;
use std::sync::Arc;
use tokio_stream::StreamExt as _;
use tonic::{Request, Status};

/// The shortest run of base64 digits that is looked into.
const RUN_MIN: usize = 16;

impl Town {
    /// The pack of an agreement and period, as compliance gets it.
    pub async fn pack(
        &self,
        agreement: AgreementId,
        (from, to): (u32, u32),
    ) -> Result<Vec<u8>, Status> {
        let config = Config::load(&self.dir).unwrap();
        let tokens = Arc::new(Tokens::load(&config).unwrap());
        let (hand, store) = (self.node().hand(), self.node().store());
        let door = AuditDoor::new(hand, store, self.node().house().clone(), tokens);
        let agreement_id = agreement.hex();
        let mut ask = Request::new(wire::AuditReportRequest { agreement_id, from, to });
        let token = std::fs::read_to_string(tokens::path(&config.dir, "compliance")).unwrap();
        let value = format!("Bearer {}", token.trim()).parse().unwrap();
        ask.metadata_mut().insert("authorization", value);
        let mut parts = door.pack(ask).await?.into_inner();
        let mut all = Vec::new();
        while let Some(part) = parts.next().await {
            all.extend(part?.data);
        }
        Ok(all)
    }
}

/// The bytes of every file, and what stands in them in base64.
pub fn unpacked(zip: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    for file in zip_read(zip).unwrap() {
        all.extend_from_slice(file.data);
        let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
        for run in file.data.split(|byte| !is_digit(byte)) {
            let whole = &run[..run.len() - run.len() % 4];
            if whole.len() >= RUN_MIN
                && let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(whole)
            {
                all.extend(bytes);
            }
        }
    }
    all
}
