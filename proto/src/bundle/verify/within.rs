//! A case within one city: one root, and nobody else's log or receipt. What can be told is whether
//! that city signed all of it, whether a message was left out, and whether the law allows it.
//!
//! A key that was replaced since counts where the city's statement about a lane, signed with a key
//! that still counts, names that lane's last message: each names the one before it.

use super::super::code::{Code, Failures};
use super::super::layout;
use super::super::parts::{Parts, Sealed};
use super::super::records::{Content, Record};
use super::super::verdict::{Holds, ReceiptVerdict, RecordVerdict, TimeVerdict, Verdicts};
use super::content::made_on;
use super::lanes::{neighbours, what};
use super::persons;
use super::sections::{disclosed, not_shown, says_yes, strays};
use super::tombstones::Tombstones;
use super::trust::Trust;
use crate::agreement::Agreement;
use crate::envelope;
use crate::id::{CityId, Digest};
use crate::kinds::Kind;
use crate::message::MessageFacts;
use crate::wire::{self, Envelope};
use std::collections::{BTreeMap, BTreeSet};

mod legs;

/// All that the checks share.
struct Scene<'a> {
    parts: &'a Parts,
    records: &'a BTreeMap<Digest, Record<'a>>,
    trust: &'a Trust,
    /// The city's offices and zone, as it signed them.
    law: Option<Agreement>,
    /// Envelopes whose signature, author and key hold.
    signed: BTreeSet<Digest>,
    /// Those among them signed with a key that was revoked or replaced since.
    old_key: BTreeSet<Digest>,
    /// Messages that a statement of the city vouches for.
    vouched: BTreeSet<Digest>,
    failures: Failures,
}

/// Judges parts of which every message is in the local form.
pub(super) fn judge(
    parts: &Parts,
    records: &BTreeMap<Digest, Record<'_>>,
    trust: &Trust,
    now_unix_s: Option<u64>,
    failures: Failures,
) -> Verdicts {
    let mut scene = Scene {
        parts,
        records,
        trust,
        law: None,
        signed: BTreeSet::new(),
        old_key: BTreeSet::new(),
        vouched: BTreeSet::new(),
        failures,
    };
    scene.nothing_of_others();
    scene.law = scene.offices();
    let mut found: Vec<RecordVerdict> =
        records.values().map(|record| scene.check_record(record)).collect();
    neighbours(records, &mut scene.failures);
    let legs = legs::check(&mut scene);
    scene.old_keys(&mut found);
    let mut buried = Tombstones::load(parts, trust, now_unix_s, &mut scene.failures);
    for verdict in &mut found {
        scene.sections(verdict, &mut buried);
    }
    buried.strays(&mut scene.failures);
    strays(parts, records, &mut scene.failures);
    scene.consents();
    let law = scene.law.as_ref();
    let on = |facts: &MessageFacts| Some(made_on(law?, facts).0);
    persons::check(parts, records, &mut scene.failures, &on);
    found.sort_by_key(|verdict| {
        (verdict.lane.is_none(), records[&verdict.digest].place.clone(), verdict.digest)
    });
    Verdicts {
        cities: trust.verdicts(),
        not_judged: trust.not_judged(),
        epochs: trust.epochs.verdicts(),
        agreements: Vec::new(),
        records: found,
        legs,
        within: true,
        failures: scene.failures.into_sorted(),
    }
}

impl Scene<'_> {
    /// What another city would have said has no place here.
    fn nothing_of_others(&mut self) {
        let parts = self.parts;
        let items = parts.items.keys().map(layout::item);
        let proofs = parts.proofs.keys().map(|(digest, city)| layout::proof(digest, city));
        let erasures = parts.erasures.keys();
        let erasures = erasures.map(|(of, number)| layout::section("erasures/", of, *number));
        let packs = parts.packs.keys().map(|digest| layout::dsse("packs/", digest));
        let files = parts.heads.keys().chain(parts.consistency.keys()).cloned();
        let policies = parts.policies.keys().map(|(city, epoch)| layout::policy(city, *epoch));
        let successors = parts.successors.keys().map(|digest| layout::dsse("keys/", digest));
        let all = items
            .chain(proofs)
            .chain(erasures)
            .chain(packs)
            .chain(files)
            .chain(policies)
            .chain(successors);
        for file in all {
            self.failures.add(Code::Unreferenced, file, "");
        }
    }

    /// The one file of `agreement/`.
    fn offices(&mut self) -> Option<Agreement> {
        let agreements: &Sealed = &self.parts.agreements;
        let mut made = None;
        for (digest, envelope) in agreements {
            let path = layout::dsse("agreement/", digest);
            match self.open_offices(envelope) {
                Ok(law) if made.is_none() => made = Some(law),
                Ok(_) => self.failures.add(Code::Equivocation, path, ""),
                Err((code, why)) => self.failures.add(code, path, why),
            }
        }
        if agreements.is_empty() {
            self.failures.add(Code::AgreementMissing, "", "the city's own offices");
        }
        made
    }

    fn open_offices(&self, envelope: &Envelope) -> Result<Agreement, (Code, String)> {
        let city = self.city_of(envelope, Kind::Agreement)?;
        let found: wire::Agreement = envelope::payload(envelope)
            .map_err(|error| (Code::AgreementFalse, error.to_string()))?;
        Agreement::read_within_city(&found)
            .filter(|law| law.cities[0] == city)
            .ok_or((Code::AgreementFalse, "not the offices of this city".to_owned()))
    }

    /// The city that signed an envelope with a key that may, and still counts.
    fn city_of(&self, envelope: &Envelope, kind: Kind) -> Result<CityId, (Code, String)> {
        let signer = self.trust.signer(envelope, kind, None);
        let signer = signer.map_err(|code| (code, String::new()))?;
        signer.allowed.map_err(|code| (code, String::new()))?;
        match self.trust.is_revoked(&signer.city, &signer.fpr) {
            true => Err((Code::KeyRevoked, signer.fpr.hex())),
            false => Ok(signer.city),
        }
    }

    fn check_record(&mut self, record: &Record<'_>) -> RecordVerdict {
        match &record.content {
            Content::Message(_) | Content::Statement(_) => {}
            Content::Unreadable(_, why) => {
                self.failures.add(Code::MessageForm, &record.path, why);
            }
            Content::Receipt(_) | Content::Act(_) => {
                self.failures.add(Code::Unreferenced, &record.path, "");
            }
        }
        let claimed_unix_ms = match record.head() {
            Some(head) => head.created_unix_ms,
            None => record.statement().map_or(0, |found| found.stated_unix_ms),
        };
        let (signature, key) = self.check_seal(record, claimed_unix_ms);
        let leg = record.message().and_then(|(facts, _)| facts.place);
        RecordVerdict {
            digest: record.digest,
            kind: record.kind(),
            what: what(record),
            author: record.author(),
            lane: record.place.as_ref().map(|place| (place.lane.number(), place.lane_seq)),
            leg: leg.map(|place| (place.leg, place.seq)),
            signature,
            key,
            logs: Vec::new(),
            cosigners: Vec::new(),
            time: TimeVerdict { claimed_unix_ms, not_before: None, not_after: None },
            receipt: ReceiptVerdict::NotShown,
            sections: Vec::new(),
        }
    }

    fn check_seal(&mut self, record: &Record<'_>, claimed_unix_ms: u64) -> (Holds, Holds) {
        let version = record.head().map(|head| head.manifest_version);
        let signer = match self.trust.signer(record.envelope, record.kind(), version) {
            Ok(signer) => signer,
            Err(code) => {
                self.failures.add(code, &record.path, "");
                return (Holds::No, Holds::No);
            }
        };
        let of_author = record.author().is_none_or(|author| author == signer.city);
        let is_early = claimed_unix_ms < self.trust.not_before(&signer.fpr);
        let fault = match signer.allowed {
            Err(code) => Some(code),
            Ok(()) if !of_author => Some(Code::KeyOfAnother),
            Ok(()) if is_early => Some(Code::KeyEarly),
            Ok(()) => None,
        };
        if let Some(code) = fault {
            self.failures.add(code, &record.path, signer.fpr.hex());
            return (Holds::Yes, Holds::No);
        }
        self.signed.insert(record.digest);
        if self.trust.is_revoked(&signer.city, &signer.fpr) {
            self.old_key.insert(record.digest);
        }
        (Holds::Yes, Holds::Yes)
    }

    /// What a replaced key signed, and nothing vouches for, is disputed.
    fn old_keys(&mut self, found: &mut [RecordVerdict]) {
        for verdict in found {
            let disputed =
                self.old_key.contains(&verdict.digest) && !self.vouched.contains(&verdict.digest);
            if disputed {
                verdict.key = Holds::No;
                let path = &self.records[&verdict.digest].path;
                self.failures.add(Code::KeyRevoked, path, "");
            }
        }
    }

    fn sections(&mut self, verdict: &mut RecordVerdict, buried: &mut Tombstones<'_>) {
        let record = &self.records[&verdict.digest];
        let Some((facts, _)) = record.message() else { return };
        for slot in &facts.sections {
            let zone_of = |city: &CityId| {
                let law = self.law.as_ref().filter(|_| city == facts.sender())?;
                Some(made_on(law, facts).1)
            };
            let gone = buried.of(facts, &slot.1, &zone_of);
            let shown = disclosed(self.parts, &mut self.failures, (record, facts), *slot);
            verdict.sections.push((slot.0, shown.unwrap_or_else(|| not_shown(gone))));
        }
    }

    /// Every consent cited is here, signed by the city, and covers what it opened.
    fn consents(&mut self) {
        let mut used = BTreeSet::new();
        for record in self.records.values() {
            let Some((facts, _)) = record.message() else { continue };
            let Some(digest) = facts.consent else { continue };
            used.insert(digest);
            let path = layout::dsse("consents/", &digest);
            match self.parts.consents.get(&digest) {
                None => self.failures.add(Code::ConsentMissing, path, record.digest.hex()),
                Some(envelope) => {
                    if let Err((code, why)) = self.consent(record, facts, envelope) {
                        self.failures.add(code, path, why);
                    }
                }
            }
        }
        for digest in self.parts.consents.keys().filter(|digest| !used.contains(digest)) {
            self.failures.add(Code::Unreferenced, layout::dsse("consents/", digest), "");
        }
    }

    fn consent(
        &self,
        record: &Record<'_>,
        facts: &MessageFacts,
        envelope: &Envelope,
    ) -> Result<(), (Code, String)> {
        let signer = self.trust.signer(envelope, Kind::Consent, None);
        let signer = signer.map_err(|code| (code, String::new()))?;
        signer.allowed.map_err(|code| (code, String::new()))?;
        if signer.city != *facts.sender() {
            return Err((Code::KeyOfAnother, signer.city.to_string()));
        }
        // The message names the consent: who vouches for the one vouches for the other.
        let is_old = self.trust.is_revoked(&signer.city, &signer.fpr);
        if is_old && !self.vouched.contains(&record.digest) {
            return Err((Code::KeyRevoked, signer.fpr.hex()));
        }
        let on = self.law.as_ref().map(|law| made_on(law, facts));
        says_yes(self.parts, (record, facts), envelope, on)
    }
}
