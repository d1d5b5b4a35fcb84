//! One city inside a test: its desks and its workers are called directly.

#![allow(clippy::unwrap_used)] // a helper that cannot go on ends the test

use crate::Sms;
use crate::stuck::{eventually, logged, soon};
use crate::world::{Hands, Phones, RealSleep, Restless, Seeded, Tap, Tapped};
use jieli_node::boot::{Node, Start, WrapPost};
use jieli_node::command::{Actor, Command, DeskCommand, Done, WorkerCommand};
use jieli_node::config::{Config, Database, DeskRole, DeskToken, Listen};
use jieli_node::evidence;
use jieli_node::init::{InitOptions, init};
use jieli_node::keys::Protection;
use jieli_node::legs::LegFile;
use jieli_node::public::PublicBundle;
use jieli_node::serve::worker::WorkerDoor;
use jieli_node::store::legs;
use jieli_node::window::WindowCommand;
use jieli_node::world::{Clock, Notices};
use jieli_node::writer::{CrashAt, Failure, Stopped};
use jieli_proto::case::Stage;
use jieli_proto::id::{AgreementId, CityId, LegId};
use jieli_proto::number::CreditCode;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, Envelope, MessageType, Service};
use prost::Message as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const IDS: [&str; 2] = ["kunming.yn", "ruian.zj"];
const NAMES: [&str; 2] = ["昆明市", "瑞安市"];
/// Labour offices.
pub(crate) const LABOUR: [&str; 2] = ["11999999MB0000019T", "11999999MB00001154"];
/// Coordination windows: they act for every office of their city.
pub(crate) const WINDOW: [&str; 2] = ["11999999MB0000043B", "11999999MB0000158H"];

/// Trade unions, the other office whose window takes a person's word.
pub const UNION: [&str; 2] = ["11999999MB00000604", "11999999MB00001747"];
/// Education offices.
pub const SCHOOLS: [&str; 2] = ["11999999MB0000027M", "11999999MB0000123Y"];
/// Ruian's medical security office, which pulls.
pub(crate) const MEDICAL: [&str; 2] = ["11999999MB0000035G", "11999999MB0000131R"];

/// Ruian's office for housing, and one of a district that the sample agreement does not name.
pub const HOMES: &str = "11999999MB0000140P";
/// See [`HOMES`].
pub const HOMES_TOO: &str = "11999999MB00007332";

/// The desks of the labour office, and windows: the union's; the labour office's own; one of the
/// schools, held by an officer of the labour office; one of an office that answers to it; and one
/// of the medical office.
fn tokens(at: usize) -> Vec<DeskToken> {
    let code = |text: &str| CreditCode::parse(text).unwrap();
    let window = |name: &str, office: &str| DeskToken::named(name, DeskRole::Window, &code(office));
    let posts = crate::APPROVERS[at].map(str::to_owned);
    let mut all = DeskToken::with_posts(&code(LABOUR[at]), &posts);
    all.push(DeskToken::named(crate::desk::WINDOW_TOKEN, DeskRole::Clerk, &code(WINDOW[at])));
    // Who acts in most tests, for whatever office is named.
    all.push(DeskToken::named("test", DeskRole::Clerk, &code(WINDOW[at])));
    all.push(window("union", UNION[at]));
    all.push(window("own", LABOUR[at]));
    let moonlights = Some("clerk".to_owned());
    all.push(DeskToken { officer: moonlights, ..window("schools", SCHOOLS[at]) });
    let answers_to = vec![code(LABOUR[at])];
    all.push(DeskToken { answers_to, ..window("below", WINDOW[at]) });
    all.push(window("medical", MEDICAL[at]));
    if at == 1 {
        for (name, office) in [("homes", HOMES), ("district-homes", HOMES_TOO)] {
            all.push(DeskToken::named(name, DeskRole::Clerk, &code(office)));
        }
    }
    all.push(DeskToken::named("body", DeskRole::Body, &code(UNION[at])));
    all.push(DeskToken::named("records", DeskRole::System, &code(LABOUR[at])));
    all.push(DeskToken::named("counter", DeskRole::System, &code(WINDOW[at])));
    all.extend(crate::outer::tokens(at, &code(UNION[at]), &code(LABOUR[at])));
    all
}

/// One city that runs inside the test.
pub struct Town {
    /// Its directory, with its keys.
    pub dir: PathBuf,
    /// What it gave to its peer.
    pub public: PublicBundle,
    /// Its people's phones.
    pub phones: Arc<Phones>,
    /// On its post.
    pub tap: Arc<Tap>,
    at: usize,
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<Hands>,
    node: Option<Node>,
    starts: u64,
    /// Over how much of the day notices are spread: 0, unless a test is about that.
    pub spread_minutes: u64,
    /// How often an act is tried again while the person's notice waits.
    pub patience: u32,
    /// Whether its node never rests between two ticks.
    pub restless: bool,
}

impl std::fmt::Debug for Town {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Town({})", IDS[self.at])
    }
}

impl Town {
    pub(crate) fn new(parent: &Path, at: usize, database: Database, clock: &Arc<Hands>) -> Town {
        let dir = parent.join(IDS[at]);
        let address = jieli::demo::city::free_port().unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = InitOptions {
            keyring: database.keyring_beside(),
            database,
            listen: Listen { peer: address, desk: any, worker: any, health: None },
            end_points: vec![address.to_string()],
            protection: Protection::Unprotected,
            passphrase_file: None,
            undo_minutes: 0,
            tokens: tokens(at),
        };
        let city = CityId::parse(IDS[at]).unwrap();
        let entropy = Seeded::new(at as u64);
        let made = init(&dir, &city, NAMES[at], options, clock.as_ref(), &entropy).unwrap();
        Town {
            dir,
            public: made.public,
            phones: Arc::default(),
            tap: Arc::default(),
            at,
            address,
            clock: Arc::clone(clock),
            node: None,
            starts: 0,
            spread_minutes: 0,
            patience: 200,
            restless: false,
        }
    }

    /// Its configuration names this calendar file.
    pub(crate) fn counts_by(&self, file: &str) {
        std::fs::write(self.dir.join("calendar.json"), file).unwrap();
        let path = self.dir.join("jieli.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("calendar = \"calendar.json\"\n{text}")).unwrap();
    }

    /// Credit code of its coordination window.
    pub fn window_office(&self) -> &'static str {
        WINDOW[self.at]
    }

    /// Starts its node.
    pub async fn start(&mut self) {
        self.start_to_crash(None).await;
    }

    /// Starts its node, which dies where it is told to.
    pub async fn start_to_crash(&mut self, crash_at: Option<CrashAt>) {
        logged();
        self.starts += 1;
        let tap = Arc::clone(&self.tap);
        let wrap: WrapPost = Arc::new(move |post| Arc::new(Tapped(post, Arc::clone(&tap))));
        let seed = 1_000 * self.starts + self.at as u64;
        let mut config = Config::load(&self.dir).unwrap();
        config.notices.spread_minutes = self.spread_minutes;
        let start = Start {
            config,
            passphrase: None,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            entropy: Arc::new(Seeded::new(seed)),
            sleep: if self.restless { Arc::new(Restless) } else { Arc::new(RealSleep) },
            notices: Arc::clone(&self.phones) as Arc<dyn Notices>,
            wrap_post: Some(wrap),
            crash_at,
            net: None,
        };
        self.node = Some(Node::start(start).await.unwrap());
    }

    /// Stops its node.
    pub async fn stop(&mut self) {
        if let Some(node) = self.node.take() {
            assert!(matches!(node.stop().await, Stopped::Idle));
        }
    }

    /// Waits until its node has died at a step, and clears it away.
    pub async fn dies(&mut self) {
        let node = self.node.take().unwrap();
        node.ended().await;
        assert!(matches!(node.stop().await, Stopped::Crashed(_)));
    }

    /// Its node.
    pub fn node(&self) -> &Node {
        self.node.as_ref().unwrap()
    }

    /// Its id.
    pub fn id(&self) -> CityId {
        self.public.manifest.city.clone()
    }

    /// A command of a desk of an office.
    pub async fn desk_of(&self, office: &str, command: DeskCommand) -> Result<Done, Failure> {
        self.desk_as("test", office, command).await
    }

    /// A command of the holder of a token.
    pub async fn desk_as(
        &self,
        token: &str,
        office: &str,
        command: DeskCommand,
    ) -> Result<Done, Failure> {
        let actor = Actor { office: office.to_owned(), token: token.to_owned() };
        self.node().hand().perform(Command::Desk(actor, command)).await
    }

    /// An act on an agreement, entered by one approver.
    pub async fn enter(&self, command: DeskCommand) -> Result<AgreementId, Failure> {
        let done = self.desk_as("approver", LABOUR[self.at], command).await?;
        let Done::Agreement(id) = done else { panic!("{done:?}") };
        Ok(id)
    }

    /// Ids of the acts on agreements that wait for a second approver, oldest first.
    pub async fn drafts(&self) -> Vec<String> {
        let mut conn = self.node().store().read().await.unwrap();
        let sql = "SELECT draft_id FROM agreement_draft WHERE done_ms = 0 ORDER BY made_ms";
        let rows = conn.rows(sql, Vec::new()).await.unwrap();
        rows.iter().map(|row| hex::encode(row.bytes(0).unwrap())).collect()
    }

    /// The holder of this token approves a draft.
    pub async fn approve(&self, token: &str, draft_id: &str) -> Result<AgreementId, Failure> {
        let ask = wire::ApproveRequest { draft_id: draft_id.to_owned() };
        let done = self.desk_as(token, LABOUR[self.at], DeskCommand::Approve(ask)).await?;
        let Done::Agreement(id) = done else { panic!("{done:?}") };
        Ok(id)
    }

    /// An act on an agreement, entered by one approver and approved by the other.
    pub async fn two_approve(&self, command: DeskCommand) -> Result<AgreementId, Failure> {
        let id = self.enter(command).await?;
        match self.drafts().await.last() {
            Some(draft) => self.approve("approver-2", draft).await,
            None => Ok(id),
        }
    }

    /// A command of the labour office.
    pub async fn desk(&self, command: DeskCommand) -> Result<Done, Failure> {
        self.desk_of(LABOUR[self.at], command).await
    }

    /// A step of an office in a leg, once.
    pub async fn act_of(
        &self,
        office: &str,
        leg: LegId,
        act: Act,
    ) -> Result<wire::ActReply, Failure> {
        let file = self.leg(leg).await;
        let case_number = self.case_of(&file).await;
        let request = wire::ActRequest { case_number, leg: file.number, act: Some(act) };
        let done = self.desk_of(office, DeskCommand::Act(request)).await?;
        let Done::Acted(reply) = done else { panic!("{done:?}") };
        Ok(reply)
    }

    /// A step of the coordination window in a leg, by its id.
    pub async fn act(&self, leg: LegId, act: Act) -> Result<wire::ActReply, Failure> {
        let file = self.leg(leg).await;
        let case_number = self.case_of(&file).await;
        let request = wire::ActRequest { case_number, leg: file.number, act: Some(act) };
        let act = || self.desk_of(WINDOW[self.at], DeskCommand::Act(request.clone()));
        let is_waiting = |done: &Result<Done, Failure>| matches!(done, Err(Failure::Denied(denied)) if denied.code == "NOTICE_WAITING");
        let mut done = act().await;
        for _ in 0..self.patience {
            if !is_waiting(&done) {
                break;
            }
            // The notice of what arrived is on its way to the phone: V22 waits for it.
            tokio::time::sleep(Duration::from_millis(50)).await;
            done = act().await;
        }
        let done = done?;
        let Done::Acted(reply) = done else { panic!("{done:?}") };
        Ok(reply)
    }

    /// Drafts of the labour office; the case numbers, in their order.
    pub async fn import(&self, drafts: Vec<wire::Draft>) -> Vec<String> {
        self.import_as(LABOUR[self.at], drafts).await
    }

    /// Drafts of an office; the case numbers, in their order.
    pub async fn import_as(&self, office: &str, drafts: Vec<wire::Draft>) -> Vec<String> {
        let request = wire::ImportRequest { file_name: String::new(), drafts };
        let done = self.desk_of(office, DeskCommand::Import(request)).await.unwrap();
        let Done::Imported(reply) = done else { panic!("{done:?}") };
        let drafted = |row: &wire::ImportedRow| {
            assert_eq!(row.code, "draft", "{row:?}");
            row.case_number.clone()
        };
        reply.rows.iter().map(drafted).collect()
    }

    /// The coordination window sends the workers of some cases their questions.
    pub async fn ask(&self, cases: &[String]) -> wire::AskReply {
        let request = wire::AskRequest { case_numbers: cases.to_vec() };
        let done = self.desk_of(WINDOW[self.at], DeskCommand::Ask(request)).await.unwrap();
        let Done::Asked(reply) = done else { panic!("{done:?}") };
        reply
    }

    /// Asks one worker, who says yes to everything.
    pub async fn ask_yes(&self, case: &str) -> Sms {
        let reply = self.ask(&[case.to_owned()]).await;
        assert_eq!(reply.asked, 1, "{reply:?}");
        let sms = self.sms(case, "逐项回答").await;
        let shown = self.open(&sms).await.unwrap();
        let yes: Vec<u32> = shown.legs.iter().map(|leg| leg.number).collect();
        self.answer(&sms, &yes).await.unwrap();
        sms
    }

    /// Waits for a notice about a case with a word in it.
    pub async fn sms(&self, case: &str, word: &str) -> Sms {
        let what = format!("a notice with “{word}” about {case} in {}", IDS[self.at]);
        eventually(&what, async || !self.phones.about(case, word).is_empty()).await;
        // The hours of a code count from when the node has noted that it went out.
        let sql = "SELECT COUNT(*) FROM notice WHERE state = 0 AND due_ms <= $1";
        eventually("the notice to be noted", async || {
            let mut conn = self.node().store().read().await.unwrap();
            let now_ms = self.clock.now_unix_ms();
            conn.one(sql, vec![now_ms.into()]).await.unwrap().int(0).unwrap() == 0
        })
        .await;
        self.phones.about(case, word).remove(0)
    }

    /// The worker opens what a code is about.
    pub async fn open(&self, sms: &Sms) -> Result<wire::OpenReply, Failure> {
        let ask = wire::OpenRequest { case_number: sms.case(), code: sms.code() };
        let done = self.worker(WorkerCommand::Open(ask)).await?;
        let Done::Opened(reply) = done else { panic!("{done:?}") };
        Ok(reply)
    }

    /// The worker answers: yes to these numbers.
    pub async fn answer(&self, sms: &Sms, yes: &[u32]) -> Result<wire::AnswerReply, Failure> {
        self.answer_with(&sms.case(), &sms.code(), yes).await
    }

    /// Somebody answers with a code.
    pub async fn answer_with(
        &self,
        case: &str,
        code: &str,
        yes: &[u32],
    ) -> Result<wire::AnswerReply, Failure> {
        let (case_number, code) = (case.to_owned(), code.to_owned());
        let ask = wire::AnswerRequest { case_number, code, yes: yes.to_vec() };
        let done = self.worker(WorkerCommand::Answer(ask)).await?;
        let Done::Answered(reply) = done else { panic!("{done:?}") };
        Ok(reply)
    }

    /// The worker stops everything a code is about.
    pub async fn withdraw(&self, sms: &Sms) -> Result<wire::AnswerReply, Failure> {
        let ask =
            wire::WithdrawRequest { case_number: sms.case(), code: sms.code(), legs: Vec::new() };
        let done = self.worker(WorkerCommand::Withdraw(ask)).await?;
        let Done::Answered(reply) = done else { panic!("{done:?}") };
        Ok(reply)
    }

    /// How a case stands, for who has a code.
    pub async fn status(
        &self,
        ask: wire::WorkerRequest,
    ) -> Result<wire::WorkerStatusReply, Failure> {
        let done = self.worker(WorkerCommand::Status(ask)).await?;
        let Done::Stands(reply) = done else { panic!("{done:?}") };
        Ok(reply)
    }

    /// Who looked at a case, for who has a code.
    pub async fn who_looked(
        &self,
        ask: wire::WorkerRequest,
    ) -> Result<wire::WhoLookedReply, Failure> {
        let done = self.worker(WorkerCommand::WhoLooked(ask)).await?;
        let Done::WhoLooked(reply) = done else { panic!("{done:?}") };
        Ok(reply)
    }

    /// A command of a window, by the name of its token.
    pub async fn window(&self, token: &str, command: WindowCommand) -> Result<Done, Failure> {
        let all = &self.node().house().config.desk.tokens;
        let held = all.iter().find(|held| held.name() == token).unwrap();
        let actor = Actor { office: held.office.as_str().to_owned(), token: token.to_owned() };
        self.node().hand().perform(Command::Window(actor, command)).await
    }

    /// The person stands at a window with the document in hand: what is asked.
    pub async fn sit(
        &self,
        token: &str,
        case: &str,
        person: &wire::DraftPerson,
        waive_day: bool,
    ) -> Result<wire::OpenSittingReply, Failure> {
        let in_hand = Some(in_hand(case, person));
        let ask = wire::OpenSittingRequest { in_hand, waive_day, ..Default::default() };
        let done = self.window(token, WindowCommand::OpenSitting(ask, None)).await?;
        let Done::Sitting(reply) = done else { panic!("{done:?}") };
        Ok(reply)
    }

    /// What the person types on the keypad.
    pub async fn types_in(
        &self,
        token: &str,
        sitting: &wire::OpenSittingReply,
        yes: &[u32],
        pin: &str,
    ) -> Result<wire::AnswerReply, Failure> {
        let sitting = sitting.sitting.clone();
        let ask = wire::AnswerSittingRequest { sitting, yes: yes.to_vec(), pin: pin.to_owned() };
        let done = self.window(token, WindowCommand::AnswerSitting(ask)).await?;
        let Done::Answered(reply) = done else { panic!("{done:?}") };
        Ok(reply)
    }

    /// What a worker says with a code.
    pub async fn worker(&self, command: WorkerCommand) -> Result<Done, Failure> {
        self.node().hand().perform(Command::Worker(command)).await
    }

    /// The worker's door, without its listener.
    pub fn worker_door(&self) -> WorkerDoor {
        let node = self.node();
        WorkerDoor::new(node.hand(), node.store(), node.house().clone())
    }

    /// A slip printed by the coordination window about every leg of a case.
    pub async fn slip(&self, case: &str) -> wire::SlipPage {
        let legs = self.legs(case).await.iter().map(|file| file.id).collect();
        let command = DeskCommand::PrintSlip(case.to_owned(), legs);
        let done = self.desk_of(WINDOW[self.at], command).await.unwrap();
        let Done::Slip(page) = done else { panic!("{done:?}") };
        page
    }

    /// A leg, if it is here.
    pub async fn find(&self, leg: LegId) -> Option<LegFile> {
        let mut conn = self.node().store().read().await.unwrap();
        legs::load(&mut conn, leg, &self.node().house().shelf()).await.unwrap()
    }

    /// A leg that is here.
    pub async fn leg(&self, leg: LegId) -> LegFile {
        self.find(leg).await.unwrap()
    }

    /// The legs of a case.
    pub async fn legs(&self, case: &str) -> Vec<LegFile> {
        let mut conn = self.node().store().read().await.unwrap();
        let case = legs::case(&mut conn, case).await.unwrap().unwrap();
        let mut files = Vec::new();
        for leg in legs::legs_of(&mut conn, case.id).await.unwrap() {
            let file = legs::load(&mut conn, leg, &self.node().house().shelf()).await.unwrap();
            files.push(file.unwrap());
        }
        files
    }

    /// The leg of a case for a service.
    pub async fn leg_for(&self, case: &str, service: Service) -> LegId {
        self.legs(case).await.into_iter().find(|file| file.service == service).unwrap().id
    }

    /// The number of the case of a leg in this city.
    pub async fn case_of(&self, file: &LegFile) -> String {
        let mut conn = self.node().store().read().await.unwrap();
        legs::case_by_id(&mut conn, file.case).await.unwrap().unwrap().number
    }

    /// Where a leg stands here; `None` while nothing of it has left or come.
    pub async fn stage(&self, leg: LegId) -> Option<Stage> {
        let file = self.find(leg).await?;
        file.law.exists().then(|| file.law.state().stage)
    }

    /// Waits until a leg stands there.
    pub async fn reaches(&self, leg: LegId, stage: Stage) {
        let what = format!("{stage:?} of {} in {}", leg.hex(), IDS[self.at]);
        if !soon(async || self.stage(leg).await == Some(stage)).await {
            panic!("waited too long for {what}: {}", self.stuck().await);
        }
    }

    /// Types of the messages of a leg, in the order in which they came here.
    pub async fn types(&self, leg: LegId) -> Vec<MessageType> {
        let file = self.leg(leg).await;
        file.entries.iter().filter_map(|e| e.message.as_ref().map(wire::Message::r#type)).collect()
    }

    /// Waits until a leg holds a message of a type.
    pub async fn holds(&self, leg: LegId, ty: MessageType) {
        let what = format!("{ty:?} in {}", IDS[self.at]);
        if !soon(async || self.types(leg).await.contains(&ty)).await {
            panic!("waited too long for {what}: {}", self.stuck().await);
        }
    }

    /// The envelopes of a lane, in their order.
    pub async fn lane(&self, id: AgreementId, lane: u8) -> Vec<Envelope> {
        let mut conn = self.node().store().read().await.unwrap();
        let sql = "SELECT envelope FROM envelope WHERE agreement_id = $1 AND lane = $2 \
                   ORDER BY lane_seq";
        let rows = conn.rows(sql, vec![id.to_vec().into(), lane.into()]).await.unwrap();
        let decode = |bytes: Vec<u8>| Envelope::decode(bytes.as_slice()).unwrap();
        rows.iter().map(|row| decode(row.bytes(0).unwrap())).collect()
    }

    /// The item of the receipt for a place in a lane.
    pub async fn item(&self, id: AgreementId, lane: u8, lane_seq: u64) -> Option<wire::Item> {
        let mut conn = self.node().store().read().await.unwrap();
        let sql = "SELECT item FROM receipt_item WHERE agreement_id = $1 AND lane = $2 \
                   AND lane_seq = $3";
        let vals = vec![id.to_vec().into(), lane.into(), lane_seq.into()];
        let row = conn.maybe(sql, vals).await.unwrap()?;
        Some(wire::Item::decode(row.bytes(0).unwrap().as_slice()).unwrap())
    }

    /// Whether every own message of a leg has its receipt.
    pub async fn receipted(&self, leg: LegId) {
        use jieli_node::legs::Standing::Provisional;
        eventually("the receipts", async || {
            self.leg(leg).await.entries.iter().all(|entry| entry.standing != Provisional)
        })
        .await;
    }

    /// The evidence of a case, with what the other city has to add to it.
    pub async fn export(&self, case: &str, sections: bool) -> Vec<u8> {
        self.exported(case, sections).await.zip
    }

    /// The same, with what is told about its completeness.
    pub async fn exported(&self, case: &str, sections: bool) -> evidence::Exported {
        let (store, house) = (self.node().store(), self.node().house());
        let hand = self.node().hand();
        for command in evidence::ask_peer(&store, house, &hand.published(), case).await.unwrap() {
            hand.perform(command).await.unwrap();
        }
        evidence::export(&store, house, &hand.published(), case, sections).await.unwrap()
    }

    /// A number that a query without parameters counts.
    pub async fn count(&self, sql: &'static str) -> i64 {
        let mut conn = self.node().store().read().await.unwrap();
        conn.one(sql, Vec::new()).await.unwrap().int(0).unwrap()
    }

    /// Waits until its exchange log was cosigned within the last hour of its clock.
    pub async fn cosigned_anew(&self) {
        let sql = "SELECT COALESCE(MAX(at_ms), 0) FROM cosign_last WHERE origin LIKE '%/log/%'";
        eventually("a cosignature", async || {
            self.count(sql).await as u64 + crate::HOUR_MS > self.clock.now_unix_ms()
        })
        .await;
    }

    /// Kinds of the alarms raised.
    pub async fn alarms(&self) -> Vec<String> {
        let mut conn = self.node().store().read().await.unwrap();
        let rows = conn.rows("SELECT kind FROM alarm ORDER BY raised_ms", Vec::new()).await;
        rows.unwrap().iter().map(|row| row.text(0).unwrap()).collect()
    }
}

/// A case and the document that lies on the counter.
pub fn in_hand(case: &str, person: &wire::DraftPerson) -> wire::InHand {
    wire::InHand {
        case_number: case.to_owned(),
        document: person.document,
        number: person.number.clone(),
        slip_leg: String::new(),
    }
}
