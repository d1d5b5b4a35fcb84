//! Two nodes with directories, keys, databases and ports of their own, and mutual TLS between them.

use crate::ambient::{SystemClock, SystemEntropy, TokioSleep};
use crate::demo::city::{Plan, free_port};
use crate::demo::{kunming, ruian};
use anyhow::{Context, Result, bail, ensure};
use jieli_node::boot::{Node, Start};
use jieli_node::command::{Actor, Command, DeskCommand, Done};
use jieli_node::config::{Config, Database, DeskToken, Listen};
use jieli_node::init::{InitOptions, init};
use jieli_node::keys::Protection;
use jieli_node::notice::NoticeFile;
use jieli_node::public::PublicBundle;
use jieli_node::store::Row;
use jieli_node::tokens;
use jieli_node::world::{Clock, Notices};
use jieli_proto::id::{AgreementId, CityId};
use jieli_proto::number::CreditCode;
use jieli_proto::wire;
use jieli_proto::wire::desk_client::DeskClient;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

const AGREEMENT: &str = include_str!("../../../sample/agreement.toml");
/// Kunming's office for labour, which sends.
const SENDS: &str = "11999999MB0000019T";
/// Ruian's office for labour, which announces.
const ANNOUNCES: &str = "11999999MB00001154";
/// Messages whose receipt was verified and whose place in the peer's log is proven, and their bytes.
const RECEIPTED: &str = "SELECT CAST(COUNT(*) AS BIGINT), \
    CAST(COALESCE(SUM(LENGTH(e.envelope)), 0) AS BIGINT) FROM receipt_item r \
    JOIN envelope e ON e.agreement_id = r.agreement_id AND e.lane = r.lane \
    AND e.lane_seq = r.lane_seq JOIN peer_proof p ON p.env_digest = e.env_digest \
    WHERE r.lane = 1";

/// Kunming, which receives here, and Ruian, which announces.
pub(super) struct Towns {
    pub(super) kunming: Town,
    pub(super) ruian: Town,
}

/// A node with its directory.
pub(super) struct Town {
    pub(super) node: Node,
    public: PublicBundle,
    /// The office whose desk it has.
    office: &'static str,
    dir: PathBuf,
}

impl Towns {
    /// Makes and starts both.
    pub(super) async fn start(dir: &Path, databases: [Database; 2]) -> Result<Towns> {
        Towns::start_with(dir, databases, (ANNOUNCES, None)).await
    }

    /// The same with another office in Ruian; Kunming's notices go to these phones.
    pub(super) async fn start_with(
        dir: &Path,
        [a, b]: [Database; 2],
        (receives, phones): (&'static str, Option<Arc<dyn Notices>>),
    ) -> Result<Towns> {
        let program = Path::new("");
        let plan = kunming(program, a);
        let posts = ["人社局局长", "法制科科长"];
        let kunming = Town::start(&dir.join("kunming"), plan, posts, (SENDS, phones)).await?;
        let (plan, posts) = (ruian(program, b), ["分管副市长", "法制科科长"]);
        let ruian = Town::start(&dir.join("ruian"), plan, posts, (receives, None)).await?;
        Ok(Towns { kunming, ruian })
    }

    /// Peers, proposal, counter-signature.
    pub(super) async fn agree(&self) -> Result<AgreementId> {
        for (us, them) in [(&self.kunming, &self.ruian), (&self.ruian, &self.kunming)] {
            us.desk(DeskCommand::AddPeer(wire::AddPeerRequest {
                manifest: Some(them.public.manifest.envelope.clone()),
                root_fpr: them.public.root_fpr().hex(),
                name: them.public.name.clone(),
                end_points: them.public.end_points.clone(),
                root_spki: them.public.manifest.root.to_spki().to_vec(),
                accepted_city: String::new(),
            }))
            .await?;
        }
        let ask = wire::ProposeRequest { draft_toml: AGREEMENT.to_owned() };
        let id = self.kunming.two_approve(DeskCommand::Propose(ask)).await?;
        self.ruian.until_known(id, false).await?;
        let ask = wire::CountersignRequest { agreement_id: id.hex(), version: 1 };
        self.ruian.two_approve(DeskCommand::Countersign(ask)).await?;
        self.kunming.until_known(id, true).await?;
        Ok(id)
    }

    /// Ruian's labour office announces vacancies.
    pub(super) async fn announce(&self, ask: wire::AddVacanciesRequest) -> Result<()> {
        let asked = ask.vacancies.len() as u32;
        let done = self.ruian.desk(DeskCommand::AddVacancies(ask)).await?;
        let all = matches!(&done, Done::Vacancies(reply) if reply.announced == asked);
        ensure!(all, "not every vacancy was announced: {done:?}");
        Ok(())
    }

    /// Letters of Ruian that wait for a receipt: one that was verified takes its letter away.
    pub(super) async fn waiting(&self) -> Result<u64> {
        Ok(self.ruian.row("SELECT CAST(COUNT(*) AS BIGINT) FROM outbox").await?.uint(0)?)
    }

    /// Checks that both hold so many messages and that nothing went wrong; returns their mean size.
    pub(super) async fn check(&self, messages: u64) -> Result<u64> {
        let row = self.ruian.row(RECEIPTED).await?;
        let (held, bytes) = (row.uint(0)?, row.uint(1)?);
        ensure!(held == messages, "{held} of {messages} messages have a receipt");
        let stored = "SELECT CAST(COUNT(*) AS BIGINT) FROM receipt_item WHERE lane = 1";
        let there = self.kunming.row(stored).await?.uint(0)?;
        ensure!(there == messages, "Kunming holds {there} of {messages} messages");
        for town in [&self.kunming, &self.ruian] {
            let alarms = town.row("SELECT CAST(COUNT(*) AS BIGINT) FROM alarm").await?.uint(0)?;
            ensure!(alarms == 0, "{alarms} alarms were raised");
        }
        Ok(bytes / messages.max(1))
    }

    /// Stops both.
    pub(super) async fn stop(self) {
        self.kunming.node.stop().await;
        self.ruian.node.stop().await;
    }
}

impl Town {
    async fn start(
        dir: &Path,
        plan: Plan,
        posts: [&str; 2],
        (labour, notices): (&'static str, Option<Arc<dyn Notices>>),
    ) -> Result<Town> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (peer, desk) = (free_port()?, free_port()?);
        let office = CreditCode::parse(labour)?;
        let options = InitOptions {
            keyring: plan.database.keyring_beside(),
            database: plan.database,
            listen: Listen { peer, desk, worker: any, health: None },
            end_points: vec![peer.to_string()],
            protection: Protection::Unprotected,
            passphrase_file: None,
            undo_minutes: 0,
            tokens: DeskToken::with_posts(&office, &posts.map(str::to_owned)),
        };
        let entropy = SystemEntropy::new();
        let city = CityId::parse(plan.id).context("city id")?;
        let made = init(dir, &city, plan.name, options, &SystemClock, &entropy)?;
        let node = run(dir, notices).await?;
        let dir = dir.to_owned();
        Ok(Town { node, public: made.public, office: labour, dir })
    }

    /// Stops it and starts it again; with how long that start took, in milliseconds.
    pub(super) async fn again(self, notices: Arc<dyn Notices>) -> Result<(Town, u64)> {
        self.node.stop().await;
        let began_ms = SystemClock.now_unix_ms();
        let node = run(&self.dir, Some(notices)).await?;
        Ok((Town { node, ..self }, SystemClock.now_unix_ms() - began_ms))
    }

    /// The desk of the clerk, by gRPC.
    pub(super) async fn desk_client(
        &self,
    ) -> Result<DeskClient<InterceptedService<Channel, impl Interceptor + use<>>>> {
        let token = std::fs::read_to_string(tokens::path(&self.dir, "clerk"))?;
        let bearer: MetadataValue<Ascii> = format!("Bearer {}", token.trim()).parse()?;
        let desk = Config::load(&self.dir)?.listen.desk;
        let channel = Endpoint::from_shared(format!("http://{desk}"))?.connect().await?;
        let say = move |mut request: tonic::Request<()>| {
            request.metadata_mut().insert("authorization", bearer.clone());
            Ok(request)
        };
        Ok(DeskClient::with_interceptor(channel, say))
    }

    pub(super) async fn desk(&self, command: DeskCommand) -> Result<Done> {
        self.desk_as("clerk", command).await
    }

    async fn desk_as(&self, token: &str, command: DeskCommand) -> Result<Done> {
        let actor = Actor { office: self.office.to_owned(), token: token.to_owned() };
        Ok(self.node.hand().perform(Command::Desk(actor, command)).await?)
    }

    /// An act on an agreement, entered by one approver and approved by the other.
    async fn two_approve(&self, command: DeskCommand) -> Result<AgreementId> {
        self.desk_as("approver", command).await?;
        let sql = "SELECT draft_id FROM agreement_draft WHERE done_ms = 0";
        let draft_id = hex::encode(self.row(sql).await?.bytes(0)?);
        let ask = DeskCommand::Approve(wire::ApproveRequest { draft_id });
        let Done::Agreement(id) = self.desk_as("approver-2", ask).await? else {
            bail!("the draft was not approved")
        };
        Ok(id)
    }

    pub(super) async fn row(&self, sql: &'static str) -> Result<Row> {
        Ok(self.node.store().read().await?.one(sql, Vec::new()).await?)
    }

    /// Waits until an agreement is known here, or in force.
    async fn until_known(&self, id: AgreementId, in_force: bool) -> Result<()> {
        for _ in 0..2_000 {
            let directory = self.node.hand().published();
            let bond = directory.directory.bonds.get(&id);
            if bond.is_some_and(|bond| !in_force || bond.in_force().is_some()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("the agreement did not arrive")
    }
}

/// A node on what `init` made.
async fn run(dir: &Path, notices: Option<Arc<dyn Notices>>) -> Result<Node> {
    let mut config = Config::load(dir)?;
    // The road is measured, not the pace at which one peer may go, nor the hours of notices.
    config.limits.letters_per_peer_s_max = 100_000;
    config.notices.spread_minutes = 0;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let notices = match notices {
        Some(notices) => notices,
        None => Arc::new(NoticeFile::open(&config.notices_file(), Arc::clone(&clock))?),
    };
    let node = Node::start(Start {
        config,
        passphrase: None,
        clock,
        entropy: Arc::new(SystemEntropy::new()),
        sleep: Arc::new(TokioSleep),
        notices,
        wrap_post: None,
        crash_at: None,
        net: None,
    });
    Ok(node.await?)
}
