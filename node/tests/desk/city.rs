//! One city in a scratch directory, with an agreement in force with a second one that is never
//! reached.

use async_trait::async_trait;
use jieli_node::config::{Database, DeskRole, DeskToken, Listen};
use jieli_node::directory::Directory;
use jieli_node::highwater::{Disk, HighWater};
use jieli_node::house::House;
use jieli_node::init::{InitOptions, NewCity, init};
use jieli_node::keyring::Ring;
use jieli_node::keys::Protection;
use jieli_node::serve::desk::DeskDoor;
use jieli_node::serve::window::KeypadDoor;
use jieli_node::serve::worker::WorkerDoor;
use jieli_node::shelf::Shelves;
use jieli_node::store::log::{Log, LogId, create};
use jieli_node::store::{Store, StoreOptions, Tx};
use jieli_node::tokens::Tokens;
use jieli_node::world::{
    Clock, Delivered, Entropy, Notice, NoticeResult, Notices, Post, PostError, Sleep, World,
};
use jieli_node::writer::{Hand, Writer};
use jieli_proto::calendar::Calendar;
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, CityId, Digest};
use jieli_proto::number::CreditCode;
use jieli_proto::section::{Phase, TABLE};
use jieli_proto::wire::{self, OfficeKind, Service};
use prost::Message as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::task::TaskTracker;
use tonic::Request;

/// The labour office of Kunming, whose clerk imports; and another office of that city.
pub(crate) const LABOUR: &str = "91530100MA00000020";
pub(crate) const SCHOOLS: &str = "91110108551385082Q";
pub(crate) const AGREEMENT: AgreementId = AgreementId([7; 16]);

pub(crate) struct Counter(AtomicU64);

impl Entropy for Counter {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(32) {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            let digest = Digest::of(&[&count.to_be_bytes()]);
            chunk.copy_from_slice(&digest.0[..chunk.len()]);
        }
    }
}

/// A clock that a test moves.
pub(crate) struct Hands(pub(crate) AtomicU64);

impl Clock for Hands {
    fn now_unix_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Nobody;

#[async_trait]
impl Post for Nobody {
    async fn deliver(
        &self,
        _to: &CityId,
        _letters: Vec<wire::Letter>,
        _noted: Vec<wire::Noted>,
    ) -> Result<Delivered, PostError> {
        Err(PostError("nobody is there".to_owned()))
    }

    async fn fetch(
        &self,
        _to: &CityId,
        _ask: wire::FetchRequest,
    ) -> Result<Vec<wire::FetchReply>, PostError> {
        Err(PostError("nobody is there".to_owned()))
    }

    async fn prove(
        &self,
        _to: &CityId,
        _ask: wire::ProveRequest,
    ) -> Result<wire::ProveReply, PostError> {
        Err(PostError("nobody is there".to_owned()))
    }

    async fn state(
        &self,
        _to: &CityId,
        _ask: wire::StateRequest,
    ) -> Result<wire::StateReply, PostError> {
        Err(PostError("nobody is there".to_owned()))
    }

    async fn checkpoint(
        &self,
        _to: &CityId,
        _ask: wire::CheckpointRequest,
    ) -> Result<wire::CheckpointReply, PostError> {
        Err(PostError("nobody is there".to_owned()))
    }

    async fn tiles(
        &self,
        _to: &CityId,
        _ask: wire::TilesRequest,
    ) -> Result<wire::TilesReply, PostError> {
        Err(PostError("nobody is there".to_owned()))
    }

    async fn cosign(
        &self,
        _to: &CityId,
        _ask: wire::CosignRequest,
    ) -> Result<jieli_node::world::Witnessed, PostError> {
        Err(PostError("nobody is there".to_owned()))
    }

    async fn greet(
        &self,
        _: &CityId,
        _: wire::GreetRequest,
    ) -> Result<wire::GreetReply, PostError> {
        Err(PostError("nobody".to_owned()))
    }

    async fn probe(&self, _to: &CityId) -> jieli_node::world::Probe {
        jieli_node::world::Probe::default()
    }
}

#[async_trait]
impl Notices for Nobody {
    async fn send(&self, _notice: Notice) -> NoticeResult {
        NoticeResult::Later
    }
}

#[async_trait]
impl Sleep for Nobody {
    async fn sleep(&self, _how_long: Duration) {}
}

/// A city under test.
pub(crate) struct City {
    pub(crate) desk: DeskDoor,
    pub(crate) worker: WorkerDoor,
    pub(crate) keypad: KeypadDoor,
    pub(crate) store: Store,
    pub(crate) house: House,
    pub(crate) clock: Arc<Hands>,
    /// Stops the writer when dropped with the services.
    pub(crate) hand: Hand,
    running: Mutex<Option<tokio::task::JoinHandle<()>>>,
    folder: TempDir,
}

impl City {
    pub(crate) async fn new() -> City {
        let folder = TempDir::new().unwrap();
        let entropy = Arc::new(Counter(AtomicU64::new(1)));
        let clock = Arc::new(Hands(AtomicU64::new(1_795_000_000_000)));
        let us = make(&folder.path().join("km"), "kunming.yn", "昆明", &*clock, &*entropy);
        let them = make(&folder.path().join("ra"), "ruian.zj", "瑞安", &*clock, &*entropy);
        let tokens = Arc::new(Tokens::load(&us.config).unwrap());
        let id = CityId::parse("kunming.yn").unwrap();
        let ring_url = jieli_node::keyring::url(&us.config);
        let ring =
            Ring::open(&ring_url, StoreOptions::default(), &us.config.dir, &id, 7).await.unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let store = Store::open(&url, StoreOptions::default()).await.unwrap();
        let mut writer = store.writer();
        let mut tx = writer.begin().await.unwrap();
        fill(&mut tx, &us.public.manifest, &them).await;
        tx.commit().await.unwrap();
        let (root, configured) = (us.public.manifest.root, Arc::new(calendar()));
        let mut conn = store.read().await.unwrap();
        let offices = us.config.own_offices();
        let directory = Directory::load(&mut conn, &root, &offices, &configured, 0).await.unwrap();
        drop(conn);
        let house = House {
            world: World {
                clock: Arc::clone(&clock) as Arc<dyn Clock>,
                entropy,
                sleep: Arc::new(Nobody),
                post: Arc::new(Nobody),
                notices: Arc::new(Nobody),
                in_place: false,
            },
            root,
            keys: Arc::new(us.keys),
            ring: ring.clone(),
            shelves: Shelves::new(&directory.shelf),
            configured,
            config: Arc::new(us.config),
        };
        let city = CityId::parse("kunming.yn").unwrap();
        let origins = [city.exchange_origin(1), city.local_origin(1)];
        let origins: Vec<&str> = origins.iter().map(String::as_str).collect();
        let path = folder.path().join("highwater");
        let marks = HighWater::init(&path, Box::new(Disk), &origins).unwrap();
        let never = Arc::new(|_| false);
        let opened = Writer::open(house.clone(), store.clone(), marks, never).await;
        let (writer, hand) = opened.unwrap();
        let running = TaskTracker::new().spawn(async move { drop(writer.run().await) });
        City {
            keypad: KeypadDoor::new(hand.clone(), Arc::clone(&tokens), house.world.clone()),
            desk: DeskDoor::new(hand.clone(), store.clone(), house.clone(), tokens),
            worker: WorkerDoor::new(hand.clone(), store.clone(), house.clone()),
            store,
            house,
            clock,
            hand,
            running: Mutex::new(Some(running)),
            folder,
        }
    }

    /// A request with the token of that name.
    pub(crate) fn as_<T>(&self, token: &str, message: T) -> Request<T> {
        let path = self.folder.path().join(format!("km/tokens/{token}.token"));
        let text = std::fs::read_to_string(path).unwrap();
        let mut request = Request::new(message);
        let value = format!("Bearer {}", text.trim()).parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        request
    }

    /// Ends the writer: nothing can be written any more.
    pub(crate) async fn stop_writer(&self) {
        let running = self.running.lock().unwrap().take().unwrap();
        running.abort();
        let _ended = running.await;
    }
}

fn make(dir: &Path, id: &str, name: &str, clock: &dyn Clock, entropy: &dyn Entropy) -> NewCity {
    let labour = CreditCode::parse(LABOUR).unwrap();
    let mut tokens = DeskToken::for_office(&labour);
    let schools = CreditCode::parse(SCHOOLS).unwrap();
    tokens.push(DeskToken::named("schools", DeskRole::Clerk, &schools));
    tokens.push(DeskToken::named("window", DeskRole::Window, &schools));
    tokens.push(DeskToken::named("body", DeskRole::Body, &schools));
    tokens.push(DeskToken::named("system", DeskRole::System, &schools));
    tokens.push(DeskToken::named("helper", DeskRole::Helper, &schools));
    let employer = Some(CreditCode::parse("91999999MA00002012").unwrap());
    tokens
        .push(DeskToken { employer, ..DeskToken::named("employer", DeskRole::Employer, &labour) });
    let post = Some("就业促进科科长".to_owned());
    tokens.push(DeskToken { post, ..DeskToken::named("liaison", DeskRole::Liaison, &labour) });
    let options = InitOptions {
        database: Database::Sqlite,
        keyring: None,
        listen: Listen::default(),
        end_points: vec!["localhost:7400".to_owned()],
        protection: Protection::Unprotected,
        passphrase_file: None,
        undo_minutes: 0,
        tokens,
    };
    init(dir, &CityId::parse(id).unwrap(), name, options, clock, entropy).unwrap()
}

async fn fill(tx: &mut Tx<'_>, own: &jieli_proto::manifest::Manifest, them: &NewCity) {
    for log in [Log::Exchange, Log::Local] {
        create(tx, LogId { log, epoch: 1 }).await.unwrap();
    }
    let theirs = &them.public.manifest;
    let sql = "INSERT INTO city (one, city_id, name, created_ms) VALUES (1, $1, $2, 0)";
    tx.run(sql, vec!["kunming.yn".into(), "昆明".into()]).await.unwrap();
    let sql = "INSERT INTO peer (city_id, name, root_spki, end_points, added_ms) \
               VALUES ($1, $2, $3, $4, 0)";
    let root = theirs.root.to_spki().to_vec();
    let vals = vec!["ruian.zj".into(), "瑞安".into(), root.into(), "localhost:7500".into()];
    tx.run(sql, vals).await.unwrap();
    for manifest in [own, theirs] {
        let sql = "INSERT INTO manifest (city_id, version, env_digest, envelope) \
                   VALUES ($1, $2, $3, $4)";
        let vals = vec![
            manifest.city.as_str().into(),
            manifest.version.into(),
            manifest.env_digest.to_vec().into(),
            manifest.envelope.encode_to_vec().into(),
        ];
        tx.run(sql, vals).await.unwrap();
    }
    let sql = "INSERT INTO agreement (agreement_id, peer, live_version, changed_ms) \
               VALUES ($1, 'ruian.zj', 1, 0)";
    tx.run(sql, vec![AGREEMENT.to_vec().into()]).await.unwrap();
    let agreement = agreement(own.root.fingerprint(), theirs.root.fingerprint());
    // Read as stored: its seal was verified when it was taken in.
    let key = them.keys.message();
    let sealed = envelope::seal(&agreement, key.fingerprint(), |_| [9; 64]);
    let sql = "INSERT INTO agreement_version (agreement_id, version, env_digest, envelope, \
               proposed_by, proposed_ms, countersigned_ms) VALUES ($1, 1, $2, $3, 'ruian.zj', 1, 1)";
    let vals = vec![
        AGREEMENT.to_vec().into(),
        envelope::env_digest(&sealed).to_vec().into(),
        sealed.encode_to_vec().into(),
    ];
    tx.run(sql, vals).await.unwrap();
}

/// Schooling and homes, from Kunming to Ruian.
fn agreement(ours: [u8; 32], theirs: [u8; 32]) -> wire::Agreement {
    let rule = |service: Service, kind: OfficeKind| {
        let sections = TABLE.iter().filter(|k| k.serves(service)).map(|k| u32::from(k.number));
        let outcome = TABLE.iter().filter(|k| k.serves(service) && k.phase == Phase::C);
        let outcome = outcome.map(|k| u32::from(k.number)).collect();
        wire::ServiceRule {
            service: service.into(),
            holders: vec![wire::HolderSide::A.into()],
            sections: vec![
                wire::OfficeSections { kind: kind.into(), sections: sections.collect() },
                wire::OfficeSections { kind: OfficeKind::Labour.into(), sections: outcome },
            ],
            legal_basis: wire::LegalBasis::Consent.into(),
            purposes: vec![jieli_proto::agreement::purpose_of(service).into()],
            retention_days: 180,
            ..wire::ServiceRule::default()
        }
    };
    let kinds = [(LABOUR, OfficeKind::Labour), (SCHOOLS, OfficeKind::Education)];
    wire::Agreement {
        agreement_id: AGREEMENT.to_vec(),
        version: 1,
        prev_digest: vec![0; 32],
        parties: vec![
            party("kunming.yn", "昆明市", ours, &kinds),
            party("ruian.zj", "瑞安市", theirs, &kinds),
        ],
        services: vec![rule(Service::Schooling, OfficeKind::Education)],
        valid_from: 20_260_101,
        valid_to: 20_281_231,
        wind_down_days: 30,
        no_fee_to_person: true,
        no_target: true,
        ..wire::Agreement::default()
    }
}

fn party(id: &str, name: &str, root: [u8; 32], kinds: &[(&str, OfficeKind)]) -> wire::Party {
    let mut offices: Vec<wire::Office> = kinds
        .iter()
        .map(|(code, kind)| wire::Office {
            credit_code: (*code).to_owned(),
            kind: (*kind).into(),
            name: format!("{name}{}", jieli_proto::words::office(*kind).zh),
            telephone: "0871-1234".to_owned(),
            succeeds: Vec::new(),
        })
        .collect();
    offices.sort_by(|a, b| a.credit_code.cmp(&b.credit_code));
    wire::Party {
        city_id: id.to_owned(),
        legal_name: name.to_owned(),
        credit_code: LABOUR.to_owned(),
        root_fpr: root.to_vec(),
        end_points: vec!["localhost:7400".to_owned()],
        offices,
        liaison_posts: vec!["a".to_owned(), "b".to_owned()],
        approver_posts: vec!["a".to_owned(), "b".to_owned()],
        languages: vec!["zh-CN".to_owned()],
        calendar: "cn".to_owned(),
        zone_offset_min: 480,
        ..wire::Party::default()
    }
}

fn calendar() -> Calendar {
    Calendar::from_json(include_str!("../../../proto/packs/calendar-cn-2026.json")).unwrap()
}

/// The published directory, to see that the agreement was taken in.
pub(crate) fn directory(city: &City) -> Arc<Directory> {
    Arc::clone(&city.hand.published().directory)
}
