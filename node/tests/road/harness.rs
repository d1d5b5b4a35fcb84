//! Two cities with a clock that tests move, and a post that tests can cut.

use crate::houses::{self, On};
use crate::windows::{Counter, Hands, Phones, RealSleep, Tap, Tapped};
use jieli_node::boot::{Node, Start, WrapPost};
use jieli_node::command::{Actor, Command, DeskCommand, Done};
use jieli_node::config::{Config, Database, DeskRole, DeskToken, Limits, Listen};
use jieli_node::disk;
use jieli_node::init::{InitOptions, init};
use jieli_node::keys::Protection;
use jieli_node::letters::Letters;
use jieli_node::public::PublicBundle;
use jieli_node::recovery::{self, Cause};
use jieli_node::store::{Store, Val, queue};
use jieli_node::world::{Clock, Delivered, Notices, Post};
use jieli_node::writer::{CrashAt, Stopped};
use jieli_proto::id::{AgreementId, CityId};
use jieli_proto::kinds::Lane;
use jieli_proto::number::CreditCode;
use jieli_proto::wire;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// Two offices of each city: labour and education.
pub(crate) const OFFICES: [[&str; 2]; 2] =
    [["11999999MB0000019T", "11999999MB0000043B"], ["11999999MB00001154", "11999999MB0000158H"]];
pub(crate) const IDS: [&str; 2] = ["kunming.yn", "ruian.zj"];
pub(crate) const A: usize = 0;
pub(crate) const B: usize = 1;

/// One city, running or not.
pub(crate) struct City {
    pub(crate) dir: PathBuf,
    pub(crate) public: PublicBundle,
    pub(crate) address: SocketAddr,
    pub(crate) database: Database,
    pub(crate) node: Option<Node>,
    pub(crate) tap: Arc<Tap>,
    pub(crate) phones: Arc<Phones>,
    pub(crate) clock: Arc<Hands>,
    /// Limits in place of the usual ones.
    pub(crate) limits: Limits,
    direct: Arc<Mutex<Option<Arc<dyn Post>>>>,
    starts: u64,
    seed: u64,
}

/// A free port outside of the range from which systems draw ports by themselves: a city that is
/// started again must find its own port free.
fn own_port() -> SocketAddr {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let at = (u64::from(std::process::id()) * 7919 + step * 101) % 20_000;
        let address = SocketAddr::from(([127, 0, 0, 1], 10_240 + at as u16));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// What the carrier signs its reports with.
pub(crate) const REPORT_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The desks of an office, and the clerk as whom tests act at the other one of its city.
fn tokens(office: &str) -> Vec<DeskToken> {
    let code = |text: &str| CreditCode::parse(text).unwrap();
    let mut all = DeskToken::for_office(&code(office));
    for [_, other] in OFFICES.into_iter().filter(|of| of[0] == office) {
        all.push(DeskToken::named("test", DeskRole::Clerk, &code(other)));
    }
    all
}

impl City {
    pub(crate) fn new(parent: &TempDir, at: usize, clock: &Arc<Hands>) -> City {
        City::named(parent, IDS[at], OFFICES[at][0], clock)
    }

    pub(crate) fn named(parent: &TempDir, id: &str, office: &str, clock: &Arc<Hands>) -> City {
        City::at(parent, id, office, clock, Database::Sqlite)
    }

    fn at(
        parent: &TempDir,
        id: &str,
        office: &str,
        clock: &Arc<Hands>,
        database: Database,
    ) -> City {
        let dir = parent.path().join(id);
        let address = own_port();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = InitOptions {
            database: database.clone(),
            keyring: database.keyring_beside(),
            listen: Listen { peer: address, desk: any, worker: any, health: Some(any) },
            end_points: vec![address.to_string()],
            protection: Protection::Unprotected,
            passphrase_file: None,
            undo_minutes: 0,
            tokens: tokens(office),
        };
        let seed = id.bytes().map(u64::from).sum();
        let entropy = Counter(AtomicU64::new(0), seed);
        let city = CityId::parse(id).unwrap();
        let made = init(&dir, &city, id, options, clock.as_ref(), &entropy).unwrap();
        City {
            dir,
            public: made.public,
            address,
            database,
            node: None,
            tap: Arc::default(),
            phones: Arc::default(),
            clock: Arc::clone(clock),
            limits: Limits::default(),
            direct: Arc::default(),
            starts: 0,
            seed,
        }
    }

    pub(crate) async fn start(&mut self) {
        self.start_to_crash(None).await;
    }

    pub(crate) async fn start_to_crash(&mut self, crash_at: Option<CrashAt>) {
        self.node = Some(Node::start(self.given(crash_at)).await.unwrap());
    }

    pub(crate) fn given(&mut self, crash_at: Option<CrashAt>) -> Start {
        self.starts += 1;
        let tap = Arc::clone(&self.tap);
        let direct = Arc::clone(&self.direct);
        let wrap: WrapPost = Arc::new(move |post| {
            *direct.lock().unwrap() = Some(Arc::clone(&post));
            Arc::new(Tapped(post, Arc::clone(&tap)))
        });
        let mut config = Config::load(&self.dir).unwrap();
        config.limits = self.limits.clone();
        config.notices.spread_minutes = 0;
        let secret = self.dir.join("notices.secret");
        if !secret.exists() {
            disk::write_new(&secret, REPORT_SECRET.as_bytes(), disk::PRIVATE).unwrap();
        }
        config.notices.secret_file = Some("notices.secret".into());
        config.notices.report_listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        Start {
            config,
            passphrase: None,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            entropy: Arc::new(Counter(AtomicU64::new(0), self.seed + 1_000_000 * self.starts)),
            sleep: Arc::new(RealSleep),
            notices: Arc::clone(&self.phones) as Arc<dyn Notices>,
            wrap_post: Some(wrap),
            crash_at,
            net: None,
        }
    }

    pub(crate) async fn stop(&mut self) -> Stopped {
        self.node.take().unwrap().stop().await
    }

    pub(crate) fn node(&self) -> &Node {
        self.node.as_ref().unwrap()
    }

    pub(crate) fn id(&self) -> CityId {
        self.public.manifest.city.clone()
    }

    /// The post behind the tap.
    pub(crate) fn post(&self) -> Arc<dyn Post> {
        Arc::clone(self.direct.lock().unwrap().as_ref().unwrap())
    }

    /// Why it signs nothing, if it does not.
    pub(crate) fn cause(&self) -> Option<Cause> {
        let published = self.node().hand().published();
        published.directory.recovering.as_ref().map(|state| state.cause)
    }

    /// Its checkpoints are empty, and nothing that it is asked for makes a leaf.
    pub(crate) async fn signs_nothing(&self) -> bool {
        let before = self.node().hand().published();
        let denied = self.announce(900..901).await.unwrap_err().to_string();
        let after = self.node().hand().published();
        before.checkpoint.is_empty()
            && after.checkpoint.is_empty()
            && after.local_checkpoint.is_empty()
            && after.exchange.size == before.exchange.size
            && denied.contains("RECOVERING")
    }

    /// What the operator's `jieli repair` does.
    pub(crate) async fn repair(&self) -> Result<wire::RepairReply, String> {
        let node = self.node();
        let done = recovery::repair(&node.hand(), &node.store(), node.house(), None).await;
        done.map_err(|error| error.to_string())
    }

    pub(crate) fn clock_ms(&self) -> u64 {
        self.clock.now_unix_ms()
    }

    pub(crate) fn cut(&self, is_cut: bool) {
        self.tap.cut.store(is_cut, Ordering::SeqCst);
    }

    /// The letters of a lane, as this city would send them now.
    pub(crate) async fn letters(
        &self,
        id: AgreementId,
        lane: u32,
        seqs: std::ops::RangeInclusive<u64>,
    ) -> Vec<wire::Letter> {
        let node = self.node();
        let letters = Letters::new(node.store(), node.house().clone());
        let lane = Lane::from_number(lane).unwrap();
        let place = |lane_seq| queue::Place { agreement_id: id, lane, lane_seq };
        let places: Vec<queue::Place> = seqs.map(place).collect();
        letters.write(&node.hand().published(), &places).await.unwrap()
    }

    pub(crate) async fn perform(&self, command: DeskCommand) -> Done {
        self.try_perform(command).await.unwrap()
    }

    pub(crate) async fn try_perform(
        &self,
        command: DeskCommand,
    ) -> Result<Done, jieli_node::writer::Failure> {
        self.perform_as(OFFICES[A][0], command).await
    }

    pub(crate) async fn perform_as(
        &self,
        office: &str,
        command: DeskCommand,
    ) -> Result<Done, jieli_node::writer::Failure> {
        let office = office.to_owned();
        let actor = Actor { office, token: "test".to_owned() };
        self.node().hand().perform(Command::Desk(actor, command)).await
    }

    /// As the holder of one of the two approver tokens.
    pub(crate) async fn as_token(
        &self,
        token: &str,
        command: DeskCommand,
    ) -> Result<AgreementId, jieli_node::writer::Failure> {
        let actor = Actor { office: OFFICES[A][0].to_owned(), token: token.to_owned() };
        let done = self.node().hand().perform(Command::Desk(actor, command)).await?;
        let Done::Agreement(id) = done else { panic!("{done:?}") };
        Ok(id)
    }

    /// Ids of what waits for a second approver, oldest first.
    pub(crate) async fn drafts(&self) -> Vec<String> {
        let mut conn = self.node().store().read().await.unwrap();
        let sql = "SELECT draft_id FROM agreement_draft WHERE done_ms = 0 ORDER BY made_ms";
        let rows = conn.rows(sql, Vec::new()).await.unwrap();
        rows.iter().map(|row| hex::encode(row.bytes(0).unwrap())).collect()
    }

    pub(crate) async fn approve(
        &self,
        token: &str,
        draft_id: &str,
    ) -> Result<AgreementId, jieli_node::writer::Failure> {
        let ask = wire::ApproveRequest { draft_id: draft_id.to_owned() };
        self.as_token(token, DeskCommand::Approve(ask)).await
    }

    /// Entered by one approver, approved by the other.
    pub(crate) async fn two_approve(
        &self,
        command: DeskCommand,
    ) -> Result<AgreementId, jieli_node::writer::Failure> {
        let id = self.as_token("approver", command).await?;
        match self.drafts().await.last() {
            Some(draft) => self.approve("approver-2", draft).await,
            None => Ok(id),
        }
    }

    pub(crate) async fn add_peer(&self, other: &City) {
        self.add_peer_at(other, vec![other.address.to_string()]).await;
    }

    pub(crate) async fn add_peer_at(&self, other: &City, end_points: Vec<String>) {
        let request = wire::AddPeerRequest {
            manifest: Some(other.public.manifest.envelope.clone()),
            root_fpr: other.public.root_fpr().hex(),
            name: other.public.name.clone(),
            end_points,
            root_spki: other.public.manifest.root.to_spki().to_vec(),
            accepted_city: String::new(),
        };
        self.perform(DeskCommand::AddPeer(request)).await;
    }

    /// Announces vacancies: as many messages with no person in them.
    pub(crate) async fn announce(
        &self,
        numbers: std::ops::Range<u32>,
    ) -> Result<(), jieli_node::writer::Failure> {
        let vacancies = numbers.map(vacancy).collect();
        let request = wire::AddVacanciesRequest { vacancies, announce: true, change: false };
        self.try_perform(DeskCommand::AddVacancies(request)).await.map(drop)
    }

    /// Envelopes of a lane, in order, as logged: leaf bytes.
    pub(crate) async fn lane(&self, id: AgreementId, lane: u8) -> Vec<Vec<u8>> {
        lane_of(&self.node().store(), id, lane).await
    }

    pub(crate) async fn waiting(&self) -> u64 {
        let mut conn = self.node().store().read().await.unwrap();
        queue::backlogs(&mut conn).await.unwrap().iter().map(|backlog| backlog.letters).sum()
    }

    /// The first letter that waits in every lane.
    pub(crate) async fn heads_waiting(&self) -> Vec<queue::Waiting> {
        let mut conn = self.node().store().read().await.unwrap();
        queue::heads(&mut conn).await.unwrap()
    }

    pub(crate) async fn alarms(&self) -> Vec<String> {
        let mut conn = self.node().store().read().await.unwrap();
        let rows = conn.rows("SELECT kind, detail FROM alarm", Vec::new()).await.unwrap();
        let told = |row: &jieli_node::store::Row| {
            format!("{}: {}", row.text(0).unwrap(), row.text(1).unwrap())
        };
        rows.iter().map(told).collect()
    }

    pub(crate) async fn count(&self, sql: &'static str, vals: Vec<Val>) -> i64 {
        let mut conn = self.node().store().read().await.unwrap();
        conn.one(sql, vals).await.unwrap().int(0).unwrap()
    }
}

async fn lane_of(store: &Store, id: AgreementId, lane: u8) -> Vec<Vec<u8>> {
    let mut conn = store.read().await.unwrap();
    let sql = "SELECT l.data FROM envelope e JOIN log_leaf l ON l.idx = e.leaf_idx \
               AND l.log = 'exchange' AND l.epoch = e.leaf_epoch \
               WHERE e.agreement_id = $1 AND e.lane = $2 ORDER BY e.lane_seq";
    let vals = vec![id.to_vec().into(), lane.into()];
    let rows = conn.rows(sql, vals).await.unwrap();
    rows.iter().map(|row| row.bytes(0).unwrap()).collect()
}

/// Copies a database as it lies there.
pub(crate) fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).unwrap();
    for name in ["jieli.db", "jieli.db-wal", "jieli.db-shm"] {
        if from.join(name).exists() {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

/// Puts a copy back; of a directory without one, nothing.
pub(crate) fn put_back(from: &Path, to: &Path) {
    for name in ["jieli.db", "jieli.db-wal", "jieli.db-shm"] {
        let _ = fs::remove_file(to.join(name));
        if from.join(name).exists() {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

/// Both cities, started and known to each other.
pub(crate) struct Pair {
    pub(crate) folder: TempDir,
    pub(crate) cities: [City; 2],
    pub(crate) clock: Arc<Hands>,
}

/// The answer to the only letter.
pub(crate) fn only(delivered: Delivered) -> wire::answer::Answer {
    assert!(delivered.broke.is_none());
    let [answer] = <[wire::Answer; 1]>::try_from(delivered.answers).unwrap();
    answer.answer.unwrap()
}

impl Pair {
    pub(crate) async fn new() -> Pair {
        Pair::on(On::Sqlite).await
    }

    async fn on(on: On) -> Pair {
        let folder = TempDir::new().unwrap();
        let clock = Hands::running();
        let databases = [houses::fresh(on).await, houses::fresh(on).await];
        let mut at = 0;
        let mut cities = databases.map(|database| {
            at += 1;
            City::at(&folder, IDS[at - 1], OFFICES[at - 1][0], &clock, database)
        });
        for city in &mut cities {
            city.start().await;
        }
        let pair = Pair { folder, cities, clock };
        pair.a().add_peer(pair.b()).await;
        pair.b().add_peer(pair.a()).await;
        pair
    }

    /// With an agreement in force on both sides.
    pub(crate) async fn agreed() -> (Pair, AgreementId) {
        Pair::agreed_on(On::Sqlite).await
    }

    pub(crate) async fn agreed_on(on: On) -> (Pair, AgreementId) {
        let pair = Pair::on(on).await;
        let id = pair.agree().await;
        (pair, id)
    }

    pub(crate) fn a(&self) -> &City {
        &self.cities[A]
    }

    pub(crate) fn b(&self) -> &City {
        &self.cities[B]
    }

    pub(crate) async fn propose(&self) -> AgreementId {
        let request = wire::ProposeRequest { draft_toml: draft() };
        self.a().two_approve(DeskCommand::Propose(request)).await.unwrap()
    }

    pub(crate) async fn agree(&self) -> AgreementId {
        let id = self.propose().await;
        let request = wire::CountersignRequest { agreement_id: id.hex(), version: 1 };
        eventually("the counter-signature", async || {
            self.b().two_approve(DeskCommand::Countersign(request.clone())).await.is_ok()
        })
        .await;
        self.live(&id).await;
        id
    }

    pub(crate) async fn live(&self, id: &AgreementId) {
        for city in &self.cities {
            eventually("the agreement is live", async || {
                let published = city.node().hand().published();
                published.directory.bonds.get(id).is_some_and(|bond| bond.version() == 1)
            })
            .await;
        }
    }

    /// Waits until nothing is on its way; then all lanes must be the same in both logs, and nobody
    /// has been alarmed.
    pub(crate) async fn settled(&self, id: AgreementId) {
        self.quiet(id).await;
        assert_eq!(self.a().alarms().await, Vec::<String>::new());
        assert_eq!(self.b().alarms().await, Vec::<String>::new());
    }

    /// The same, whatever happened before.
    pub(crate) async fn quiet(&self, id: AgreementId) {
        let (mut tried, mut before) = (0, Vec::new());
        loop {
            let waiting = [self.a().heads_waiting().await, self.b().heads_waiting().await];
            if waiting.iter().all(Vec::is_empty) {
                break;
            }
            // A thousand letters may take their time: what must not be is that none gets on.
            let heads: Vec<_> = waiting.iter().flatten().map(|one| one.place).collect();
            tried = if heads == before { tried + 1 } else { 0 };
            before = heads;
            let now_ms = self.clock.now_unix_ms();
            assert!(tried < 600, "at {now_ms} there still wait {waiting:#?}");
            // A call that failed on a busy machine is made again after its pause, and the pauses
            // grow: what takes long gets more of the cities' time, not of this machine's.
            self.clock.move_on(if tried < 200 { 200 } else { 2_000 });
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for lane in 0..6 {
            let (a, b) = (self.a().lane(id, lane).await, self.b().lane(id, lane).await);
            assert_eq!(a, b, "lane {lane}");
        }
    }

    pub(crate) async fn stop(mut self) {
        for city in &mut self.cities {
            assert!(matches!(city.stop().await, Stopped::Idle));
        }
    }
}

/// Waits up to half a minute.
pub(crate) async fn eventually(what: &str, holds: impl AsyncFnMut() -> bool) {
    within(30, what, holds).await;
}

/// Waits up to some seconds.
pub(crate) async fn within(seconds: u32, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..seconds * 20 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited too long: {what}");
}

pub(crate) fn draft() -> String {
    let party = |at: usize| {
        let [labour, education] = OFFICES[at];
        let id = IDS[at];
        format!(
            "[[party]]\ncity = \"{id}\"\nlegal_name = \"{id}\"\ncredit_code = \"{labour}\"\n\
             liaison_posts = [\"一\", \"二\"]\napprover_posts = [\"局长\", \"法制科科长\"]\n\
             [[party.office]]\ncredit_code = \"{labour}\"\nkind = \"labour\"\nname = \"人社局\"\n\
             telephone = \"0871-1234567\"\n\
             [[party.office]]\ncredit_code = \"{education}\"\nkind = \"education\"\n\
             name = \"教育局\"\ntelephone = \"0871-1234567\"\n"
        )
    };
    format!(
        "valid_from = \"2026-01-01\"\nvalid_to = \"2028-12-31\"\nno_fee_to_person = true\n\
         no_target = true\n{}{}\n[[service]]\nkind = \"employment\"\n\
         holders = [\"kunming.yn\", \"ruian.zj\"]\n\
         [[service]]\nkind = \"schooling\"\nholders = [\"kunming.yn\"]\n",
        party(A),
        party(B)
    )
}

fn vacancy(number: u32) -> wire::Vacancy {
    let terms = wire::Terms {
        reference: format!("V-{number}"),
        version: 1,
        employer_code: OFFICES[B][0].to_owned(),
        employer_name: "某厂".to_owned(),
        occupation: 1,
        workplace_division: "330381".to_owned(),
        pay_fen_month_min: 500_000,
        pay_fen_month_max: 600_000,
        payday: 15,
        hours_week: 40,
        rest_days_month: 8,
        insurances: vec![1, 2],
        travel_there: wire::Payer::Employer.into(),
        travel_home: wire::Payer::Worker.into(),
        complaint_phones: vec!["0577-12333".to_owned()],
        ..wire::Terms::default()
    };
    wire::Vacancy { city: String::new(), terms: Some(terms), posts: 1, valid_until: 20_261_231 }
}
