//! The packs that this city holds, ready for use: a snapshot beside the directory, loaded and
//! replaced with it.
//!
//! Whose pack it is matters: a calendar that an agreement names for a party is looked for among that
//! party's own packs, then among those built in, then among what this city has signed itself. So
//! nobody else's calendar counts a city's days.

use crate::directory::{Bond, Peer};
use crate::store::{Conn, StoreError, packs};
use jieli_proto::calendar::Calendar;
use jieli_proto::case::Side;
use jieli_proto::day::Day;
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, CityId, Digest};
use jieli_proto::kinds::{Kind, PartySide};
use jieli_proto::manifest::Manifest;
use jieli_proto::pack::{Catalogue, Content, Language, List};
use jieli_proto::wire;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// What every city holds, in its file form.
const BUILT_IN: [&str; 8] = [
    include_str!("../../proto/packs/calendar-cn-2026.json"),
    include_str!("../../proto/packs/codes-divisions-cn.json"),
    include_str!("../../proto/packs/codes-occupations-cn.json"),
    include_str!("../../proto/packs/codes-hazardous-cn.json"),
    include_str!("../../proto/packs/codes-schemes-cn.json"),
    include_str!("../../proto/packs/items-cn.json"),
    include_str!("../../proto/packs/language-zh.json"),
    include_str!("../../proto/packs/language-en.json"),
];

/// The calendar of a city that names no other.
pub const CALENDAR: &str = BUILT_IN[0];

/// A pack with where it comes from.
#[derive(Clone, Debug)]
pub struct Held {
    /// Whose key signed it; `None` where it is built in.
    pub city: Option<CityId>,
    /// The name of its envelope; `None` where it is built in.
    pub digest: Option<Digest>,
    /// Whether it was fetched from the city that announced it.
    pub is_fetched: bool,
    /// What it says.
    pub content: Content,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Shelf {
    city: CityId,
    /// The calendar of this city where no agreement names one: the newest of its name.
    home: Arc<Calendar>,
    /// Everything held, by kind, name, city and version.
    held: Vec<Arc<Held>>,
    calendars: BTreeMap<(Option<CityId>, String), BTreeMap<u32, Arc<Calendar>>>,
    /// Zones of the parties A and B by agreement and version, in minutes east of UTC.
    zones: BTreeMap<AgreementId, BTreeMap<u32, [i32; 2]>>,
    /// What was announced and is not held.
    wanted: BTreeMap<CityId, Vec<(AgreementId, Digest)>>,
}

/// What the program brings along, read once: a list of codes takes longer than all else at a start.
fn built_in() -> Result<&'static [Arc<Held>], StoreError> {
    static READ: OnceLock<Vec<Arc<Held>>> = OnceLock::new();
    if let Some(read) = READ.get() {
        return Ok(read);
    }
    let mut all = Vec::new();
    for text in BUILT_IN {
        let content = Content::guess(text).map_err(|_| StoreError::Corrupt("a built-in pack"))?;
        all.push(Arc::new(Held { city: None, digest: None, is_fetched: false, content }));
    }
    Ok(READ.get_or_init(|| all))
}

impl Shelf {
    /// Loads the snapshot. `home` is the calendar that the configuration names.
    pub(crate) async fn load(
        conn: &mut Conn,
        city: &CityId,
        home: &Arc<Calendar>,
        own: &BTreeMap<u32, Manifest>,
        peers: &BTreeMap<CityId, Arc<Peer>>,
        bonds: &BTreeMap<AgreementId, Arc<Bond>>,
    ) -> Result<Shelf, StoreError> {
        let mut held = built_in()?.to_vec();
        for row in packs::all(conn).await? {
            // The seal is verified again: a changed row must not become a trusted pack.
            let signer = match peers.get(&row.city) {
                Some(peer) => peer.key_for(&row.sealed, Kind::Pack).map(|(key, _)| key),
                None if row.city == *city => own_key(own, &row.sealed),
                None => None,
            };
            let verified = signer.is_some_and(|key| envelope::verify(&row.sealed, &key).is_ok());
            match Content::of_envelope(&row.sealed).ok().filter(|_| verified) {
                Some(content) => held.push(Arc::new(Held {
                    city: Some(row.city),
                    digest: Some(envelope::env_digest(&row.sealed)),
                    is_fetched: row.is_fetched,
                    content,
                })),
                None => tracing::error!(city = %row.city, "a stored pack is not what was signed"),
            }
        }
        let mut shelf = Shelf {
            city: city.clone(),
            home: Arc::clone(home),
            held,
            calendars: BTreeMap::new(),
            zones: bonds.iter().map(|(id, bond)| (*id, zones_of(bond))).collect(),
            wanted: packs::wanted(conn, bonds).await?,
        };
        shelf.put_calendars();
        Ok(shelf)
    }

    /// An agreement was read anew.
    pub(crate) fn put_zones(&mut self, bond: &Bond) {
        self.zones.insert(bond.id, zones_of(bond));
    }

    fn put_calendars(&mut self) {
        let own = Some(self.city.clone());
        let home = (own, self.home.name().to_owned());
        let versions = self.calendars.entry(home).or_default();
        versions.insert(self.home.version(), Arc::clone(&self.home));
        for held in &self.held {
            let Content::Calendar(calendar) = &held.content else { continue };
            let place = (held.city.clone(), calendar.name().to_owned());
            let versions = self.calendars.entry(place).or_default();
            versions.insert(calendar.version(), Arc::new(calendar.clone()));
        }
        let name = self.home.name().to_owned();
        if let Some(newest) = self.calendar(&self.city, &name, None) {
            self.home = newest;
        }
    }

    /// Everything that is held.
    pub fn held(&self) -> &[Arc<Held>] {
        &self.held
    }

    /// Whether any list held, whoever signed it, has an occupation among those that nobody under 18
    /// is sent to. Terms may name a smaller class than the lists: its first digits count.
    pub fn is_hazardous(&self, occupation: u32, on: Day) -> bool {
        let mut class = occupation;
        while class > 999 {
            class /= 10;
        }
        self.held.iter().any(|held| match &held.content {
            Content::Codes(codes) if codes.list == List::Hazardous => {
                codes.get(class).is_some_and(|code| code.holds_on(on))
            }
            Content::Codes(_) | Content::Calendar(_) | Content::Items(_) | Content::Language(_) => {
                false
            }
        })
    }

    /// The catalogue of items in force on a day: the newest that this city has signed itself, else
    /// the one built in. No other city's catalogue says where a person's request goes. What the
    /// newest has dropped is no item any more.
    pub fn items(&self, on: Day) -> Option<&Catalogue> {
        let found = self.held.iter().filter_map(|held| {
            let Content::Items(catalogue) = &held.content else { return None };
            let title = &catalogue.title;
            let is_own = held.city.as_ref() == Some(&self.city);
            let counts = (is_own || held.city.is_none())
                && (title.valid_from..=title.valid_to).contains(&on);
            counts.then_some(((is_own, title.version), catalogue))
        });
        found.max_by_key(|(rank, _)| *rank).map(|(_, newest)| newest)
    }

    /// The texts of a language, by its tag or, where none has that, by the first part of it: of the
    /// newest pack in force that this city has signed itself, else of the one built in; where none
    /// is in force any more, of the newest before. No other city's pack says what a person reads.
    pub fn language(&self, tag: &str, on: Day) -> Option<&Language> {
        let main = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
        let found = self.held.iter().filter_map(|held| {
            let Content::Language(language) = &held.content else { return None };
            let is_own = held.city.as_ref() == Some(&self.city);
            let counts = (is_own || held.city.is_none()) && main(&language.language) == main(tag);
            let title = &language.title;
            let is_exact = language.language.eq_ignore_ascii_case(tag);
            let in_force = (title.valid_from..=title.valid_to).contains(&on);
            counts.then_some(((is_exact, in_force, is_own, title.version), language))
        });
        found.max_by_key(|(rank, _)| *rank).map(|(_, language)| language)
    }

    /// The calendar of this city where no agreement names one.
    pub fn home(&self) -> &Arc<Calendar> {
        &self.home
    }

    /// A version, or the newest, of a calendar as a city's days are counted by it.
    fn calendar(&self, city: &CityId, name: &str, version: Option<u32>) -> Option<Arc<Calendar>> {
        let own = Some(self.city.clone());
        let sources = [Some(city.clone()), None, own];
        let of = |source: &Option<CityId>| {
            let versions = self.calendars.get(&(source.clone(), name.to_owned()))?;
            match version {
                Some(version) => versions.get(&version).cloned(),
                None => versions.values().next_back().cloned(),
            }
        };
        let mut best: Option<Arc<Calendar>> = None;
        for found in sources.iter().filter_map(of) {
            if best.as_ref().is_none_or(|best| found.version() > best.version()) {
                best = Some(found);
            }
        }
        best
    }

    /// The newest version held of the calendar that an agreement names for a party.
    pub fn of_party(&self, bond: &Bond, party: PartySide) -> Option<Arc<Calendar>> {
        self.of_version(bond, party, None)
    }

    /// A version of it, or the newest.
    pub fn of_version(
        &self,
        bond: &Bond,
        party: PartySide,
        version: Option<u32>,
    ) -> Option<Arc<Calendar>> {
        let Some(agreement) = bond.in_force().filter(|_| !bond.id.is_local()) else {
            return Some(Arc::clone(&self.home));
        };
        let city = if party == bond.our_side { &self.city } else { &bond.peer };
        self.calendar(city, &agreement.party(party).calendar, version)
    }

    /// The calendar of this city that an agreement names, whether or not the agreement stands yet.
    pub fn own_named(&self, name: &str) -> Option<Arc<Calendar>> {
        self.calendar(&self.city, name, None)
    }

    /// The calendars of both sides of a leg; the home one for a side whose calendar is not held.
    pub fn days(&self, bond: &Bond, our_side: Side) -> Days {
        let of = |side: Side| {
            let found = self.of_party(bond, party_of(bond, our_side, side));
            found.unwrap_or_else(|| Arc::clone(&self.home))
        };
        Days { initiator: of(Side::Initiator), examiner: of(Side::Examiner) }
    }

    /// The civil date of an instant where a party is, by an agreement version; at home without one.
    pub fn day(&self, id: AgreementId, version: u32, party: PartySide, unix_ms: u64) -> Day {
        let versions = self.zones.get(&id);
        let zones = versions.and_then(|v| v.get(&version).or_else(|| v.values().next_back()));
        let zone = zones.map_or(self.home.zone_offset_min(), |zones| zones[party as usize]);
        Day::of_unix_ms(unix_ms, zone)
    }

    /// What a peer has announced, or is to give back, and is not held here.
    pub fn wanted_of(&self, city: &CityId) -> &[(AgreementId, Digest)] {
        self.wanted.get(city).map_or(&[], Vec::as_slice)
    }
}

/// Which party of an agreement a side of a leg is.
pub fn party_of(bond: &Bond, our_side: Side, side: Side) -> PartySide {
    if side == our_side { bond.our_side } else { bond.our_side.other() }
}

fn zones_of(bond: &Bond) -> BTreeMap<u32, [i32; 2]> {
    let zone = |text: &jieli_proto::agreement::Agreement, party| text.party(party).zone_offset_min;
    let both = |text| [zone(text, PartySide::A), zone(text, PartySide::B)];
    bond.live.iter().map(|(version, text)| (*version, both(text))).collect()
}

fn own_key(
    own: &BTreeMap<u32, Manifest>,
    sealed: &wire::Envelope,
) -> Option<jieli_proto::pubkey::PublicKey> {
    let fpr = envelope::key_fpr(sealed).ok()?;
    let key = own.values().rev().find_map(|manifest| manifest.key(&fpr, Kind::Pack.role()))?;
    Some(key.public)
}

/// Working days of a leg: each side's by its own calendar.
#[derive(Clone, Debug)]
pub struct Days {
    /// The initiator's calendar.
    pub initiator: Arc<Calendar>,
    /// The examiner's.
    pub examiner: Arc<Calendar>,
}

impl Days {
    /// The calendar of a side.
    pub fn of(&self, side: Side) -> &Arc<Calendar> {
        match side {
            Side::Initiator => &self.initiator,
            Side::Examiner => &self.examiner,
        }
    }

    /// With another version of a side's calendar.
    pub fn with(mut self, side: Side, calendar: Arc<Calendar>) -> Days {
        match side {
            Side::Initiator => self.initiator = calendar,
            Side::Examiner => self.examiner = calendar,
        }
        self
    }
}

impl jieli_proto::case::Calendar for Days {
    fn working_days(&self, of: Side, after: Day, to: Day) -> u32 {
        self.of(of).working_days_between(after, to)
    }
}

/// The shelf in force, for who has no directory at hand. Replaced with the directory.
#[derive(Clone)]
pub struct Shelves(Arc<RwLock<Arc<Shelf>>>);

impl Shelves {
    /// Begins with a shelf.
    pub fn new(first: &Arc<Shelf>) -> Shelves {
        Shelves(Arc::new(RwLock::new(Arc::clone(first))))
    }

    /// From now on this one counts.
    pub(crate) fn put(&self, shelf: &Arc<Shelf>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(shelf);
    }

    /// The one in force.
    pub fn get(&self) -> Arc<Shelf> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Shelves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shelves")
    }
}
