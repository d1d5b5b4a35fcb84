//! Packs come in by an operator's hand or from the city that announced them; own ones are signed and
//! announced. Everything is checked before anything is stored.

use crate::batch::Batch;
use crate::directory::Bond;
use crate::receive::{Halt, Stop};
use crate::shelf::{Days, Held, party_of};
use crate::store::{StoreError, packs};
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome, Trouble};
use jieli_proto::agreement::Agreement;
use jieli_proto::calendar::Calendar;
use jieli_proto::case::Side;
use jieli_proto::day::Day;
use jieli_proto::envelope::{self, ENVELOPE_LEN_MAX};
use jieli_proto::id::{AgreementId, CityId, Digest};
use jieli_proto::kinds::{Kind, PartySide};
use jieli_proto::message::counted_by;
use jieli_proto::pack::{Content, PackError};
use jieli_proto::wire::{self, Act, ActType, DeferReason, Envelope, PackKind};
use prost::Message as _;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The code of a denial that passes once the city has signed its packs again.
const UNKNOWN_SIGNER: &str = "UNKNOWN_SIGNER";

impl Batch<'_> {
    /// Imports a file: the file form of a pack, signed here as an own one, or a pack that a city
    /// known here has signed. The same again changes nothing. Returns its line.
    pub(crate) async fn import_pack(&mut self, file: &[u8]) -> Outcome<wire::PackLine> {
        let text = std::str::from_utf8(file).map_err(|_| bad("the file is not UTF-8 text"))?;
        let (city, content, sealed) = match envelope::from_json(text) {
            Ok(sealed) => self.signed_pack(sealed)?,
            Err(_) => {
                let content = Content::guess(text).map_err(|error| bad_pack(&error, text))?;
                let sealed = self.seal(&content.to_wire()).await?;
                (self.directory.city.clone(), content, sealed)
            }
        };
        let is_own = city == self.directory.city;
        let digest = envelope::env_digest(&sealed);
        if packs::by_digest(self.conn, &digest).await?.is_none() {
            self.may_keep(&city, &content, &sealed)?;
            packs::keep(self.conn, &city, &content, &sealed, false, self.now_ms).await?;
            self.record("pack imported", &digest.0);
            self.reload().await?;
        }
        if is_own {
            let bonds: Vec<Arc<Bond>> = self.directory.bonds.values().cloned().collect();
            for bond in bonds.iter().filter(|bond| bond.version() > 0) {
                self.announce_packs(bond).await?;
            }
        }
        let held = self.directory.shelf.held().iter().find(|held| held.digest == Some(digest));
        let held = held.ok_or(StoreError::Corrupt("pack"))?;
        Ok(line(held, self.directory.shelf.held()))
    }

    /// The calendar file of the configuration, once it is new: signed and announced like any other.
    pub(crate) async fn keep_home_calendar(&mut self, calendar: &Calendar) -> Outcome<()> {
        let content = Content::Calendar(calendar.clone());
        let known = self.directory.shelf.held().iter().any(|held| {
            let ours = held.city.is_none() || held.city.as_ref() == Some(&self.directory.city);
            let (old, new) = (held.content.title(), content.title());
            ours && old.name == new.name && old.version >= new.version
        });
        if known {
            return Ok(());
        }
        match self.import_pack(content.to_json().as_bytes()).await {
            Ok(_) => Ok(()),
            // Asking again would not help: a person has to look at the file.
            Err(Trouble::Denied(denied)) => {
                let city = self.directory.city.clone();
                Ok(self.alarm("calendar-file", &city, &denied.en).await?)
            }
            Err(error @ Trouble::Store(_)) => Err(error),
        }
    }

    /// Who signed an envelope with a message key that counts, and what is in it.
    fn signed_pack(&self, sealed: Envelope) -> Outcome<(CityId, Content, Envelope)> {
        if sealed.encoded_len() > ENVELOPE_LEN_MAX {
            return Err(bad_pack(&PackError::TooLarge(sealed.encoded_len()), "").into());
        }
        let peers = self.directory.peers.values();
        let peer = peers.into_iter().find(|peer| peer.has_signed(&sealed, Kind::Pack));
        let own = || {
            let fpr = envelope::key_fpr(&sealed).ok()?;
            let newest = self.directory.manifest().filter(|m| !m.is_revoked(&fpr))?;
            let key = newest.key(&fpr, Kind::Pack.role())?;
            envelope::verify(&sealed, &key.public).ok().map(|()| self.directory.city.clone())
        };
        let city = peer.map(|peer| peer.city.clone()).or_else(own).ok_or_else(|| {
            Denied::new(
                UNKNOWN_SIGNER,
                "这份数据包不是由本市或任何已接受的伙伴城市用现行密钥签名的，没有接受。",
                "No city known here has signed this pack with a key in force: it is not taken.",
            )
        })?;
        let content = Content::of_envelope(&sealed).map_err(|error| bad_pack(&error, ""))?;
        Ok((city, content, sealed))
    }

    /// Versions of a name only grow, and each is said once.
    fn may_keep(&self, city: &CityId, content: &Content, sealed: &Envelope) -> Outcome<()> {
        if sealed.encoded_len() > ENVELOPE_LEN_MAX {
            return Err(bad_pack(&PackError::TooLarge(sealed.encoded_len()), "").into());
        }
        let title = content.title();
        let is_own = *city == self.directory.city;
        let held = self.directory.shelf.held().iter();
        let mut of_name = held.filter(|held| {
            let same_city = held.city.as_ref() == Some(city) || is_own && held.city.is_none();
            same_city
                && held.content.kind() == content.kind()
                && held.content.title().name == title.name
        });
        let clash = of_name.find(|held| {
            let version = held.content.title().version;
            version == title.version && held.content != *content
                || is_own && version > title.version
        });
        if let Some(held) = clash {
            let (name, version, newest) = (title.name, title.version, held.content.title().version);
            return Err(Denied::new(
                "VERSION_TAKEN",
                format!("{name} 已有第{newest}版，内容不同或更新；第{version}版没有接受。请改用更大的版本号。"),
                format!(
                    "Version {newest} of {name} is held and says otherwise, or is newer: version \
                     {version} is not taken. Give it a higher number."
                ),
            )
            .into());
        }
        match content {
            Content::Calendar(calendar) => self.fits_agreements(city, calendar),
            Content::Codes(_) | Content::Items(_) | Content::Language(_) => Ok(()),
        }
    }

    /// A calendar stays in the zone that agreements in force have written down for it.
    fn fits_agreements(&self, city: &CityId, calendar: &Calendar) -> Outcome<()> {
        for bond in self.directory.bonds.values() {
            let party =
                if *city == self.directory.city { bond.our_side } else { bond.our_side.other() };
            if *city != self.directory.city && *city != bond.peer {
                continue;
            }
            let Some(agreement) = bond.in_force() else { continue };
            let party = agreement.party(party);
            if party.calendar == calendar.name()
                && party.zone_offset_min != calendar.zone_offset_min()
            {
                return Err(zone_differs(calendar.name(), party.zone_offset_min));
            }
        }
        Ok(())
    }

    /// Announces in an agreement what this city has signed: of each name the newest.
    pub(crate) async fn announce_packs(&mut self, bond: &Bond) -> Result<(), StoreError> {
        if bond.state(self.today) == "CLOSED" {
            return Ok(());
        }
        let own = self.directory.shelf.held().iter();
        let own = own.filter(|held| held.city.as_ref() == Some(&self.directory.city));
        let mut newest: BTreeMap<(i32, String), (u32, Digest)> = BTreeMap::new();
        for held in own {
            let (title, kind) = (held.content.title(), i32::from(held.content.kind()));
            let Some(digest) = held.digest else { continue };
            let entry = newest.entry((kind, title.name)).or_insert((0, digest));
            if title.version > entry.0 {
                *entry = (title.version, digest);
            }
        }
        for (_, digest) in newest.into_values() {
            if packs::has_said(self.conn, bond.id, bond.our_side, &digest).await? {
                continue;
            }
            let act =
                Act { act_type: ActType::Pack.into(), subject: digest.to_vec(), ..Act::default() };
            self.send_act(bond, act).await?;
            packs::said(self.conn, bond.id, bond.our_side, &digest).await?;
        }
        Ok(())
    }

    /// An agreement has come into force: its other city does not hold our packs yet.
    pub(crate) async fn announce_to(&mut self, agreement: &[u8]) -> Outcome<()> {
        let bond = AgreementId::from_slice(agreement).and_then(|id| self.bond(&id));
        let bond = bond.ok_or(StoreError::Corrupt("timer.subject"))?;
        Ok(self.announce_packs(&bond).await?)
    }

    /// Sets that in motion.
    pub(crate) async fn announce_later(&mut self, id: AgreementId) -> Result<(), StoreError> {
        let own = Some(&self.directory.city);
        if self.directory.shelf.held().iter().any(|held| held.city.as_ref() == own) {
            self.timer(self.now_ms, TimerKind::SendPacks, &id.0).await?;
        }
        Ok(())
    }

    /// A city has announced a pack: it is fetched unless it is held.
    pub(crate) async fn pack_announced(
        &mut self,
        bond: &Bond,
        party: PartySide,
        digest: &Digest,
    ) -> Result<(), StoreError> {
        packs::said(self.conn, bond.id, party, digest).await?;
        self.wake.insert(bond.peer.clone());
        Ok(())
    }

    /// What a peer gave for a pack that was announced. Only what it, or this city itself, has signed
    /// is taken; anything else is remembered as bad, and told.
    pub(crate) async fn pack_fetched(
        &mut self,
        city: &CityId,
        digest: &Digest,
        sealed: Envelope,
    ) -> Result<(), StoreError> {
        let wanted = self.directory.shelf.wanted_of(city).iter().any(|(_, named)| named == digest);
        if !wanted || packs::by_digest(self.conn, digest).await?.is_some() {
            return Ok(());
        }
        if envelope::env_digest(&sealed) != *digest {
            return self.alarm("bad-pack", city, "another pack than was asked for").await;
        }
        let taken = match self.signed_pack(sealed) {
            Ok((signer, ..)) if signer != *city && signer != self.directory.city => {
                Err("signed by another city".to_owned())
            }
            Ok((signer, content, sealed)) => match self.may_keep(&signer, &content, &sealed) {
                Ok(()) => Ok((signer, content, sealed)),
                // An own one that comes back after a restore may be older than what is held.
                Err(Trouble::Denied(_)) if signer == self.directory.city => {
                    Ok((signer, content, sealed))
                }
                Err(Trouble::Denied(denied)) => Err(denied.en),
                Err(Trouble::Store(error)) => return Err(error),
            },
            // Its key may have been revoked since: the city signs its packs again, and gives it then.
            Err(Trouble::Denied(denied)) if denied.code == UNKNOWN_SIGNER => {
                tracing::warn!(%city, pack = digest.hex(), "the key of a pack does not count");
                return Ok(());
            }
            Err(Trouble::Denied(denied)) => Err(denied.en),
            Err(Trouble::Store(error)) => return Err(error),
        };
        match taken {
            Ok((signer, content, sealed)) => {
                packs::keep(self.conn, &signer, &content, &sealed, true, self.now_ms).await?;
                self.record("pack fetched", &digest.0);
            }
            Err(why) => {
                packs::is_bad(self.conn, digest).await?;
                let detail = format!("{} is no pack: {why}", digest.hex());
                self.alarm("bad-pack", city, &detail).await?;
            }
        }
        self.reload().await
    }
}

/// Counting.
impl Batch<'_> {
    /// The calendars of both sides of a leg.
    pub(crate) fn days(&self, bond: &Bond, our_side: Side) -> Days {
        self.directory.shelf.days(bond, our_side)
    }

    /// The calendar of a side, or why nothing can be counted: the other city's has not come yet.
    pub(crate) fn calendar_of(
        &self,
        bond: &Bond,
        our_side: Side,
        side: Side,
    ) -> Outcome<Arc<Calendar>> {
        let party = party_of(bond, our_side, side);
        match self.directory.shelf.of_party(bond, party) {
            Some(calendar) => Ok(calendar),
            None if party == bond.our_side => Ok(Arc::clone(self.directory.shelf.home())),
            None => Err(not_held(bond).into()),
        }
    }

    /// The civil date of an instant where a party is, by the agreement version that is cited.
    pub(crate) fn day_at(
        &self,
        bond: &Bond,
        party: PartySide,
        header: Option<&wire::Header>,
    ) -> Day {
        let (version, ms) = header.map_or((0, 0), |h| (h.agreement_version, h.created_unix_ms));
        self.directory.shelf.day(bond.id, version, party, ms)
    }

    /// The calendars that a message of the other side is judged by: of the one that it cites the
    /// version that it cites. What is not held here is waited for.
    pub(crate) fn cited_days(
        &self,
        bond: &Bond,
        our_side: Side,
        message: &wire::Message,
    ) -> Result<Days, Halt> {
        let days = self.days(bond, our_side);
        // What is put back after a restore was taken then, and its pack comes back later.
        if message.calendar_version == 0 || self.stands.is_some() {
            return Ok(days);
        }
        let side = counted_by(message, our_side.other());
        let party = party_of(bond, our_side, side);
        let version = Some(message.calendar_version);
        let found = self.directory.shelf.of_version(bond, party, version);
        let found = found.ok_or(Stop::Wait(DeferReason::CitedNotHeld))?;
        Ok(days.with(side, found))
    }

    /// Whether this city holds the calendar that an agreement names for it, in the zone named there.
    pub(crate) fn holds_own_calendar(&self, agreement: &Agreement, us: PartySide) -> Outcome<()> {
        let party = agreement.party(us);
        match self.directory.shelf.own_named(&party.calendar) {
            None => Err(Denied::new(
                "CALENDAR_NOT_HELD",
                format!(
                    "协议为本市写明日历 {}，本市还没有。请先用 jieli pack import 导入。",
                    party.calendar
                ),
                format!(
                    "The agreement names the calendar {} for this city, which is not held: import \
                     it first with `jieli pack import`.",
                    party.calendar
                ),
            )
            .into()),
            Some(found) if found.zone_offset_min() != party.zone_offset_min => {
                Err(zone_differs(&party.calendar, party.zone_offset_min))
            }
            Some(_) => Ok(()),
        }
    }
}

/// The code of a denial that passes once the other city's calendar is here.
pub(crate) const NOT_YET: &str = "CALENDAR_AWAITED";

fn not_held(bond: &Bond) -> Denied {
    Denied::new(
        NOT_YET,
        format!(
            "还没有收到 {} 的工作日历，期限无法计算。节点正在取，请稍后再试；取不到时用 jieli pack import 导入对方签名的文件。",
            bond.peer
        ),
        format!(
            "The calendar of {} is not held yet, so no date can be counted. The node is fetching \
             it: try again later, or import the file that city signed with `jieli pack import`.",
            bond.peer
        ),
    )
}

fn zone_differs(name: &str, zone_offset_min: i32) -> Trouble {
    Denied::new(
        "ZONE_DIFFERS",
        format!("日历 {name} 的时区与协议写明的（UTC{zone_offset_min:+} 分钟）不同。"),
        format!("The calendar {name} is of another zone than the agreement says ({zone_offset_min:+} minutes)."),
    )
    .into()
}

fn bad(what: &str) -> Denied {
    Denied::new(
        "BAD_PACK",
        format!("不是可用的数据包，什么也没有保存：{what}。"),
        format!("This is no pack, and nothing was stored: {what}."),
    )
}

fn bad_pack(error: &PackError, text: &str) -> Denied {
    match (error, error.line(text)) {
        // It says its line itself.
        (PackError::Form { .. }, _) | (_, None) => bad(&error.to_string()),
        (_, Some(line)) => bad(&format!("line {line}: {error}")),
    }
}

/// A pack as it is listed.
pub(crate) fn line(held: &Held, all: &[Arc<Held>]) -> wire::PackLine {
    let title = held.content.title();
    let same = |other: &&Arc<Held>| {
        other.city == held.city
            && other.content.kind() == held.content.kind()
            && other.content.title().name == title.name
    };
    let newest = all.iter().filter(same).map(|other| other.content.title().version).max();
    wire::PackLine {
        kind: PackKind::into(held.content.kind()),
        name: title.name,
        version: title.version,
        valid_from: title.valid_from.number(),
        valid_to: title.valid_to.number(),
        city: held.city.as_ref().map_or(String::new(), |city| city.as_str().to_owned()),
        env_digest: held.digest.map_or(String::new(), |digest| digest.hex()),
        is_fetched: held.is_fetched,
        in_force: newest == Some(title.version),
    }
}
