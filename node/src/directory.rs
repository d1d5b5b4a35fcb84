//! Who this city deals with: peers with their manifests, agreements with their state. A snapshot,
//! loaded whole and replaced after a batch that changed it; doors and courier read it.

mod own_keys;

pub use own_keys::Voice;

use crate::flags::{self, Flag};
use crate::legs::LegFile;
use crate::recovery::Recovering;
use crate::shelf::Shelf;
use crate::store::hooks::{self, Hook};
use crate::store::recovery::Quarantine;
use crate::store::{Conn, StoreError, recovery};
use jieli_proto::agreement::{self, Agreement};
use jieli_proto::calendar::Calendar;
use jieli_proto::case::Side;
use jieli_proto::day::Day;
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, CityId, Digest};
use jieli_proto::kinds::{Kind, PartySide};
use jieli_proto::manifest::{self, Manifest};
use jieli_proto::pubkey::PublicKey;
use jieli_proto::wire::{self, Role};
use prost::Message as _;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An accepted peer.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its id.
    pub city: CityId,
    /// Its name, as people say it.
    pub name: String,
    /// Its pinned root key.
    pub root: PublicKey,
    /// host:port, in order of preference.
    pub end_points: Vec<String>,
    /// All manifests held, by version.
    pub manifests: BTreeMap<u32, Manifest>,
    /// Which of our own manifests it has receipted, or was given before any was sent; `None` where
    /// it was given the newest and none was made since.
    pub holds: Option<u32>,
    /// The epoch in which its exchange log goes on.
    pub epoch: u32,
    /// Its log went back: nothing new of it is taken.
    pub quarantine: Option<Quarantine>,
}

impl Peer {
    /// The newest manifest; a peer always has one.
    pub fn newest(&self) -> Option<&Manifest> {
        self.manifests.values().next_back()
    }

    /// Which keys a TLS connection of this peer may show now.
    pub fn tls_keys(&self) -> Vec<Digest> {
        let Some(newest) = self.newest() else { return Vec::new() };
        newest
            .keys_of(Role::Tls)
            .filter(|key| !newest.is_revoked(&key.fpr))
            .map(|key| key.fpr)
            .collect()
    }

    /// The key that verifies this envelope, and whether it still counts. Any manifest of the
    /// chain may name it, so that a retired key is answered as such and not as unknown.
    pub fn key_for(&self, envelope: &wire::Envelope, kind: Kind) -> Option<(PublicKey, bool)> {
        let fpr = envelope::key_fpr(envelope).ok()?;
        let newest = self.newest()?;
        let key = self.manifests.values().rev().find_map(|m| m.key(&fpr, kind.role()))?;
        let live = newest.key(&fpr, kind.role()).is_some() && !newest.is_revoked(&fpr);
        Some((key.public, live))
    }

    /// The log keys whose signature on a head of this size counts, by its newest manifest.
    pub fn log_keys_at(&self, origin: &str, size: u64) -> Vec<PublicKey> {
        manifest::log_keys_at(self.manifests.values(), origin, size)
    }

    /// From when on a key of this peer may sign, Unix milliseconds; `None` for an unknown key.
    pub fn not_before(&self, fpr: &Digest) -> Option<u64> {
        let mut keys = self.manifests.values().rev().flat_map(|manifest| &manifest.keys);
        keys.find(|key| key.fpr == *fpr).map(|key| key.not_before_unix_ms)
    }

    /// Whether something signed by itself, inside an act or beside a message, was signed by a key
    /// of this peer that still counts.
    pub fn has_signed(&self, envelope: &wire::Envelope, kind: Kind) -> bool {
        let live = self.key_for(envelope, kind).filter(|(_, live)| *live);
        live.is_some_and(|(key, _)| envelope::verify(envelope, &key).is_ok())
    }
}

/// An agreement as this city holds it.
#[derive(Clone, Debug)]
pub struct Bond {
    /// Its id.
    pub id: AgreementId,
    /// The other city.
    pub peer: CityId,
    /// Which party we are.
    pub our_side: PartySide,
    /// Live versions by number; the highest is in force.
    pub live: BTreeMap<u32, Agreement>,
    /// Digest of each live version's envelope.
    pub digests: BTreeMap<u32, Digest>,
    /// What each party has said about it, A and B: acts that cross both take effect.
    pub said_by: [SideActs; 2],
    /// What was raised about it and is not answered (V17).
    pub flags: Vec<Flag>,
}

/// The acts of one party that hold an agreement up or end it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SideActs {
    /// Its SUSPEND, until it resumes.
    pub suspend: Option<Digest>,
    /// Its TERMINATE and the wind-down date named there.
    pub terminate: Option<(Digest, Day)>,
}

impl Bond {
    /// The version in force.
    pub fn in_force(&self) -> Option<&Agreement> {
        self.live.values().next_back()
    }

    /// Number of the version in force, 0 before the first.
    pub fn version(&self) -> u32 {
        self.live.keys().next_back().copied().unwrap_or(0)
    }

    /// Whether no new cases are sent on that day.
    pub fn is_closed_to_new(&self, on: Day) -> bool {
        self.is_held_up() || self.is_flagged_out(on)
    }

    /// Whether new cases that the other city has dated on that day are refused.
    pub fn is_closed_to_theirs(&self, on: Day) -> bool {
        self.is_held_up() || self.flags.iter().any(|flag| flag.suspends_theirs(on))
    }

    fn is_held_up(&self) -> bool {
        self.said_by.iter().any(|acts| acts.suspend.is_some() || acts.terminate.is_some())
    }

    /// Whether a flag was not answered in time.
    pub fn is_flagged_out(&self, on: Day) -> bool {
        self.flags.iter().any(|flag| flag.suspends(on))
    }

    /// What one party has said.
    pub fn acts_of(&self, side: PartySide) -> &SideActs {
        &self.said_by[side as usize]
    }

    /// Who holds it up: none, one or both.
    pub fn suspenders(&self) -> Vec<PartySide> {
        let suspends = |side: &PartySide| self.acts_of(*side).suspend.is_some();
        [PartySide::A, PartySide::B].into_iter().filter(suspends).collect()
    }

    /// The TERMINATE in force: of two, the one that winds down first, then that of A.
    pub fn terminated(&self) -> Option<(Digest, Day)> {
        self.said_by.iter().filter_map(|acts| acts.terminate).min_by_key(|(_, on)| *on)
    }

    /// The wind-down date of a TERMINATE, by its digest.
    pub fn wind_down_of(&self, terminate: &Digest) -> Option<Day> {
        let said = self.said_by.iter().filter_map(|acts| acts.terminate);
        said.into_iter().find(|(digest, _)| digest == terminate).map(|(_, on)| on)
    }

    /// Its state in words of casework section 6.
    pub fn state(&self, today: Day) -> &'static str {
        match (self.terminated(), self.suspenders().is_empty(), self.in_force()) {
            (Some((_, on)), _, _) if today > on => "CLOSED",
            (Some(_), _, _) => "TERMINATED",
            (None, _, None) => "PROPOSED",
            // A suspension ends with what it holds up.
            (None, _, Some(agreement)) if today > agreement.to => "CLOSED",
            (None, false, Some(_)) => "SUSPENDED",
            (None, true, Some(_)) if self.is_flagged_out(today) => "SUSPENDED",
            (None, true, Some(_)) => "ACTIVE",
        }
    }

    /// See [`jieli_proto::agreement::office_at`].
    pub fn office_at(&self, side: PartySide, code: &str, span: (u32, u32)) -> String {
        agreement::office_at(&self.live, side, code, span).to_owned()
    }
}

/// The snapshot.
#[derive(Clone, Debug)]
pub struct Directory {
    /// This city.
    pub city: CityId,
    /// Its name.
    pub name: String,
    /// Own manifests by version.
    pub own: Arc<BTreeMap<u32, Manifest>>,
    /// Peers by id. Every batch and every letter takes one along: shared, not copied.
    pub peers: BTreeMap<CityId, Arc<Peer>>,
    /// Agreements by id.
    pub bonds: BTreeMap<AgreementId, Arc<Bond>>,
    /// Offices of this city that the configuration names.
    pub offices: Arc<Vec<wire::Office>>,
    /// Which systems are told of changes.
    pub hooks: Arc<Vec<Hook>>,
    /// Packs, and by which calendars cities count.
    pub shelf: Arc<Shelf>,
    /// The own log is behind what was signed: nothing is signed, sent or taken.
    pub recovering: Option<Recovering>,
    /// Generation of the head row this was loaded at.
    pub generation: i64,
}

impl Directory {
    /// Loads the snapshot. `offices` and `calendar` are those that the configuration names.
    pub async fn load(
        conn: &mut Conn,
        own_root: &PublicKey,
        offices: &Arc<Vec<wire::Office>>,
        calendar: &Arc<Calendar>,
        generation: i64,
    ) -> Result<Directory, StoreError> {
        let row = conn.one("SELECT city_id, name FROM city", Vec::new()).await?;
        let city = city_id(&row.text(0)?)?;
        let name = row.text(1)?;
        let own = Arc::new(manifests(conn, &city, own_root).await?);
        let held = held_by_peers(conn).await?;
        let epochs = recovery::epochs(conn).await?;
        let mut quarantines = recovery::quarantines(conn).await?;
        let mut peers = BTreeMap::new();
        let rows =
            conn.rows("SELECT city_id, name, root_spki, end_points FROM peer", Vec::new()).await?;
        for row in rows {
            let peer = city_id(&row.text(0)?)?;
            let root = PublicKey::from_spki(&row.bytes(2)?)
                .map_err(|_| StoreError::Corrupt("peer.root_spki"))?;
            let end_points: String = row.text(3)?;
            let manifests = manifests(conn, &peer, &root).await?;
            let found = Peer {
                city: peer.clone(),
                name: row.text(1)?,
                root,
                end_points: end_points.lines().map(str::to_owned).collect(),
                manifests,
                holds: held.get(row.text(0)?.as_str()).copied(),
                epoch: epochs.get(&peer).copied().unwrap_or(1),
                quarantine: quarantines.remove(&peer),
            };
            peers.insert(peer, Arc::new(found));
        }
        let bonds = bonds(conn, &city).await?;
        let offices = Arc::clone(offices);
        let recovering = recovery::recovering(conn).await?;
        let shelf = Shelf::load(conn, &city, calendar, &own, &peers, &bonds).await?;
        let shelf = Arc::new(shelf);
        let hooks = Arc::new(hooks::all(conn).await?);
        Ok(Directory {
            city,
            name,
            own,
            peers,
            bonds,
            offices,
            hooks,
            shelf,
            recovering,
            generation,
        })
    }

    /// Reads one agreement anew, whatever else there is.
    pub async fn reload_bond(
        &mut self,
        conn: &mut Conn,
        id: AgreementId,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.bonds.get(&id).map(|bond| bond.peer.clone()) else { return Ok(()) };
        let said_by = side_acts(conn, Some(id)).await?.remove(&id).unwrap_or_default();
        let flags = flags::open(conn).await?.remove(&id).unwrap_or_default();
        let found = bond(conn, &self.city, (id, peer), (said_by, flags)).await?;
        Arc::make_mut(&mut self.shelf).put_zones(&found);
        self.bonds.insert(id, Arc::new(found));
        Ok(())
    }

    /// The newest own manifest.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.own.values().next_back()
    }

    /// A peer by id or by name.
    pub fn peer_named(&self, text: &str) -> Option<&Peer> {
        self.peers
            .values()
            .find(|peer| peer.city.as_str() == text)
            .or_else(|| self.peers.values().find(|peer| names_match(&peer.name, text)))
            .map(Arc::as_ref)
    }

    /// A city by id or by name: this one, or a peer.
    pub fn city_named(&self, text: &str) -> Option<&CityId> {
        let text = text.trim();
        let own = self.city.as_str() == text || names_match(&self.name, text);
        if own { Some(&self.city) } else { self.peer_named(text).map(|peer| &peer.city) }
    }

    /// The name of a city, as people say it: this one, or a peer. Else empty.
    pub fn city_name(&self, city: &CityId) -> String {
        if *city == self.city {
            return self.name.clone();
        }
        self.peers.get(city).map_or(String::new(), |peer| peer.name.clone())
    }

    /// An office of this city. What is counter-signed counts before the configuration.
    pub fn own_office(&self, code: &str) -> Option<&wire::Office> {
        let mut bonds = self.bonds.values();
        let agreed = bonds.find_map(|bond| bond.in_force()?.office(bond.our_side, code));
        agreed.or_else(|| self.offices.iter().find(|office| office.credit_code == code))
    }

    /// The first office of a kind of this city, in the same order.
    pub fn own_office_of_kind(&self, kind: wire::OfficeKind) -> Option<&wire::Office> {
        let mut bonds = self.bonds.values();
        let agreed = bonds.find_map(|bond| bond.in_force()?.office_of_kind(bond.our_side, kind));
        agreed.or_else(|| self.offices.iter().find(|office| office.kind() == kind))
    }

    /// Every office of this city, by credit code.
    fn own_offices(&self) -> BTreeMap<&str, &wire::Office> {
        let agreed = self
            .bonds
            .values()
            .filter_map(|bond| Some(bond.in_force()?.party(bond.our_side).offices.iter()));
        let all = agreed.flatten().chain(self.offices.iter());
        let mut found = BTreeMap::new();
        for office in all {
            found.entry(office.credit_code.as_str()).or_insert(office);
        }
        found
    }

    /// Whether an office is a coordination window of this city, in some agreement or by the
    /// configuration.
    pub fn coordinates(&self, office: &str) -> bool {
        let kind = wire::OfficeKind::Coordination;
        let agreed = self.bonds.values().any(|bond| {
            bond.in_force()
                .and_then(|agreement| agreement.office(bond.our_side, office))
                .is_some_and(|office| office.kind() == kind)
        });
        agreed || self.own_office(office).is_some_and(|office| office.kind() == kind)
    }

    /// The office for which who is employed at one works now: itself, or, where no agreement and no
    /// configuration names it any more, the last of those that have taken over from it, one after the
    /// other.
    pub fn office_now<'a>(&'a self, code: &'a str) -> &'a str {
        let (mut code, mut passed) = (code, BTreeSet::from([code]));
        while self.own_office(code).is_none() {
            let Some(heir) = self.heirs(code).find(|heir| passed.insert(heir)) else { break };
            code = heir;
        }
        code
    }

    /// Who took over from an office of this city, in any version that was ever in force; the newest
    /// word of an agreement first.
    fn heirs<'a>(&'a self, code: &str) -> impl Iterator<Item = &'a str> {
        let versions = self
            .bonds
            .values()
            .flat_map(|bond| bond.live.values().rev().map(move |version| (bond.our_side, version)));
        let offices = versions.flat_map(|(side, version)| version.taken_over(side));
        offices.filter(move |(_, gone)| *gone == code).map(|(heir, _)| heir)
    }

    /// An office and all that took over from it, to the end.
    fn lineage<'a>(&'a self, code: &'a str) -> BTreeSet<&'a str> {
        let (mut found, mut next) = (BTreeSet::from([code]), vec![code]);
        while let Some(from) = next.pop() {
            next.extend(self.heirs(from).filter(|heir| found.insert(heir)));
        }
        found
    }

    /// Whether an office has, by however many steps, been taken over by another one.
    pub fn is_before(&self, one: &str, heir: &str) -> bool {
        one != heir && self.lineage(one).contains(heir)
    }

    /// Whether two offices of this city are one, as somebody outside would see it: one of them has
    /// taken over from the other by however many steps, or a third one from both.
    pub fn is_one_office(&self, one: &str, other: &str) -> bool {
        !self.lineage(one).is_disjoint(&self.lineage(other))
    }

    /// The name of an own office; else empty.
    pub fn own_office_name(&self, code: &str) -> String {
        self.own_office(code).map_or(String::new(), |office| office.name.clone())
    }

    /// What a leg goes by: the agreement, or the law between two offices of this city as its side
    /// sees it.
    pub fn bond_of(&self, file: &LegFile) -> Option<Cow<'_, Bond>> {
        let id = file.bond?;
        if id.is_local() {
            Some(Cow::Owned(self.within_city(file.our_side)))
        } else {
            self.bonds.get(&id).map(|bond| Cow::Borrowed(bond.as_ref()))
        }
    }

    /// The law between two offices of this city, as one side of a leg sees it.
    pub fn within_city(&self, side: Side) -> Bond {
        let offices = self.own_offices().into_values().cloned().collect();
        let law = Agreement::within_city(&self.city, offices);
        Bond {
            id: law.id,
            peer: self.city.clone(),
            our_side: match side {
                Side::Initiator => PartySide::A,
                Side::Examiner => PartySide::B,
            },
            live: BTreeMap::from([(0, law)]),
            digests: BTreeMap::new(),
            said_by: Default::default(),
            flags: Vec::new(),
        }
    }

    /// The agreement in force with a peer that covers a service, if any.
    pub fn bond_with(&self, peer: &CityId, service: wire::Service) -> Option<&Bond> {
        let covers = |bond: &&Arc<Bond>| {
            bond.peer == *peer && bond.in_force().is_some_and(|a| a.rule(service).is_some())
        };
        self.bonds.values().find(covers).map(Arc::as_ref)
    }
}

/// "瑞安" and "瑞安市" name one city.
fn names_match(name: &str, text: &str) -> bool {
    let bare = |s: &str| s.trim().trim_end_matches('市').to_owned();
    bare(name) == bare(text)
}

fn city_id(text: &str) -> Result<CityId, StoreError> {
    CityId::parse(text).ok_or(StoreError::Corrupt("city id"))
}

async fn manifests(
    conn: &mut Conn,
    city: &CityId,
    root: &PublicKey,
) -> Result<BTreeMap<u32, Manifest>, StoreError> {
    let rows = conn
        .rows(
            "SELECT version, envelope FROM manifest WHERE city_id = $1 ORDER BY version",
            vec![city.as_str().to_owned().into()],
        )
        .await?;
    let mut found: BTreeMap<u32, Manifest> = BTreeMap::new();
    for row in rows {
        let envelope = wire::Envelope::decode(row.bytes(1)?.as_slice())
            .map_err(|_| StoreError::Corrupt("manifest.envelope"))?;
        // The seal is verified again: a changed row must not become a trusted key.
        let before = found.values().next_back();
        let manifest = Manifest::open(&envelope, root, before)
            .map_err(|_| StoreError::Corrupt("manifest.envelope"))?;
        found.insert(manifest.version, manifest);
    }
    Ok(found)
}

async fn held_by_peers(conn: &mut Conn) -> Result<BTreeMap<String, u32>, StoreError> {
    let rows = conn.rows("SELECT city_id, version FROM manifest_held", Vec::new()).await?;
    rows.iter().map(|row| Ok((row.text(0)?, row.int(1)? as u32))).collect()
}

async fn bonds(
    conn: &mut Conn,
    city: &CityId,
) -> Result<BTreeMap<AgreementId, Arc<Bond>>, StoreError> {
    let rows = conn.rows("SELECT agreement_id, peer FROM agreement", Vec::new()).await?;
    let mut said_by = side_acts(conn, None).await?;
    let mut flags = flags::open(conn).await?;
    let mut bonds = BTreeMap::new();
    for row in rows {
        let id = AgreementId::from_slice(&row.bytes(0)?)
            .ok_or(StoreError::Corrupt("agreement.agreement_id"))?;
        let peer = city_id(&row.text(1)?)?;
        let said = (said_by.remove(&id).unwrap_or_default(), flags.remove(&id).unwrap_or_default());
        bonds.insert(id, Arc::new(bond(conn, city, (id, peer), said).await?));
    }
    Ok(bonds)
}

async fn bond(
    conn: &mut Conn,
    city: &CityId,
    (id, peer): (AgreementId, CityId),
    (said_by, flags): ([SideActs; 2], Vec<Flag>),
) -> Result<Bond, StoreError> {
    let (live, digests) = live_versions(conn, &id).await?;
    let our_side = PartySide::of(city.as_str(), peer.as_str());
    Ok(Bond { id, peer, our_side, live, digests, said_by, flags })
}

/// Of one agreement, or of all.
async fn side_acts(
    conn: &mut Conn,
    of: Option<AgreementId>,
) -> Result<BTreeMap<AgreementId, [SideActs; 2]>, StoreError> {
    let sql = "SELECT agreement_id, side, suspend_digest, terminate_digest, wind_down_on \
         FROM agreement_side WHERE agreement_id = $1 OR $2 = 0";
    let mut found: BTreeMap<AgreementId, [SideActs; 2]> = BTreeMap::new();
    let id = of.map_or(Vec::new(), |id| id.to_vec());
    for row in conn.rows(sql, vec![id.into(), of.is_some().into()]).await? {
        let id = AgreementId::from_slice(&row.bytes(0)?)
            .ok_or(StoreError::Corrupt("agreement_side.agreement_id"))?;
        let side = usize::try_from(row.int(1)?).ok().filter(|side| *side < 2);
        let side = side.ok_or(StoreError::Corrupt("agreement_side.side"))?;
        let terminate = Digest::from_slice(&row.bytes(3)?);
        found.entry(id).or_default()[side] = SideActs {
            suspend: Digest::from_slice(&row.bytes(2)?),
            terminate: terminate.zip(Day::from_number(row.int(4)? as u32)),
        };
    }
    Ok(found)
}

async fn live_versions(
    conn: &mut Conn,
    id: &AgreementId,
) -> Result<(BTreeMap<u32, Agreement>, BTreeMap<u32, Digest>), StoreError> {
    let rows = conn
        .rows(
            "SELECT version, envelope FROM agreement_version \
         WHERE agreement_id = $1 AND countersigned_ms > 0 ORDER BY version",
            vec![id.to_vec().into()],
        )
        .await?;
    let (mut live, mut digests) = (BTreeMap::new(), BTreeMap::new());
    for row in rows {
        let corrupt = || StoreError::Corrupt("agreement_version.envelope");
        let envelope = wire::Envelope::decode(row.bytes(1)?.as_slice()).map_err(|_| corrupt())?;
        let payload: wire::Agreement = envelope::payload(&envelope).map_err(|_| corrupt())?;
        let agreement = Agreement::check(&payload).map_err(|_| corrupt())?;
        let version = row.int(0)? as u32;
        live.insert(version, agreement);
        digests.insert(version, envelope::env_digest(&envelope));
    }
    Ok((live, digests))
}
