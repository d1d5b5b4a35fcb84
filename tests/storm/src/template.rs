//! Three cities that have agreed with each other, made once: each simulation begins with a copy.

use crate::city::APPROVERS;
use crate::op::CITIES;
use crate::windows::SimClock;
use crate::world::{IDS, LABOUR, Storm, WINDOW};
use anyhow::{Context, Result, bail};
use jieli_node::command::DeskCommand;
use jieli_node::config::{Database, DeskRole, DeskToken, Listen};
use jieli_node::init::{InitOptions, init};
use jieli_node::keys::Protection;
use jieli_node::public::PublicBundle;
use jieli_proto::id::CityId;
use jieli_proto::number::CreditCode;
use jieli_proto::wire;
use jieli_tests::Seeded;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

const NAMES: [&str; CITIES] = ["昆明市", "成都市", "瑞安市"];
const POSTS: [[&str; 2]; CITIES] =
    [["人社局局长", "法制科科长"], ["分管副市长", "法制处处长"], ["分管副市长", "法制科科长"]];
const TO_RUIAN: &str = include_str!("../../../deploy/sample/agreement.toml");
const TO_CHENGDU: &str = include_str!("../../../deploy/sample/agreement-chengdu.toml");
const PORT: u16 = 8443;
/// File that tells how far the clocks of the template stand.
const STANDS: &str = "moved-ms";

/// The agreements: who drafts, who countersigns, the text.
fn agreements() -> Result<Vec<(usize, usize, String)>> {
    let parts = |text: &'static str| -> Result<[&'static str; 3]> {
        let mut parts = text.splitn(3, "[[party]]\n");
        let mut next = || parts.next().context("a sample agreement has two parties");
        Ok([next()?, next()?, next()?])
    };
    let (ruian, chengdu) = (parts(TO_RUIAN)?, parts(TO_CHENGDU)?);
    let (party, _) = chengdu[2].split_once("[[service]]").context("a sample has services")?;
    let between = format!("{}[[party]]\n{party}[[party]]\n{}", ruian[0], ruian[2]);
    Ok(vec![
        (0, 2, TO_RUIAN.to_owned()),
        (0, 1, TO_CHENGDU.to_owned()),
        (1, 2, between.replace("kunming.yn", IDS[1])),
    ])
}

fn city(dir: &Path, at: usize) -> Result<PublicBundle> {
    let code = |text: &str| CreditCode::parse(text);
    let posts = POSTS[at].map(str::to_owned);
    let mut tokens = DeskToken::with_posts(&code(LABOUR[at])?, &posts);
    tokens.push(DeskToken::named("test", DeskRole::Clerk, &code(WINDOW[at])?));
    let at_port = |port| SocketAddr::from(([0, 0, 0, 0], port));
    let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let options = InitOptions {
        database: Database::Sqlite,
        keyring: Database::Sqlite.keyring_beside(),
        listen: Listen { peer: at_port(PORT), desk: local(1), worker: local(2), health: None },
        end_points: vec![format!("{}:{PORT}", IDS[at])],
        protection: Protection::Unprotected,
        passphrase_file: None,
        undo_minutes: 0,
        tokens,
    };
    let id = CityId::parse(IDS[at]).context("id")?;
    let (clock, entropy) = (SimClock::default(), Seeded::new(at as u64));
    Ok(init(&dir.join(IDS[at]), &id, NAMES[at], options, &clock, &entropy)?.public)
}

/// Makes the template in a directory.
pub(crate) fn make(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let public: Vec<_> = (0..CITIES).map(|at| city(dir, at)).collect::<Result<_>>()?;
    let mut storm = Storm::new(dir, 0, 0)?;
    let mut agreed = Vec::new();
    for (a, b, text) in agreements()? {
        for (from, to) in [(a, b), (b, a)] {
            let request = wire::AddPeerRequest {
                manifest: Some(public[to].manifest.envelope.clone()),
                root_fpr: public[to].root_fpr().hex(),
                name: public[to].name.clone(),
                end_points: vec![format!("{}:{PORT}", IDS[to])],
                root_spki: public[to].manifest.root.to_spki().to_vec(),
                accepted_city: String::new(),
            };
            storm.ask(from, "approver", DeskCommand::AddPeer(request))?;
        }
        let propose = DeskCommand::Propose(wire::ProposeRequest { draft_toml: text });
        let jieli_node::command::Done::Agreement(id) = storm.ask(a, APPROVERS, propose)? else {
            bail!("another answer")
        };
        let sign = wire::CountersignRequest { agreement_id: id.hex(), version: 1 };
        let mut tries = 0;
        while let Err(error) = storm.ask(b, APPROVERS, DeskCommand::Countersign(sign.clone())) {
            tries += 1;
            if tries > 50 {
                return Err(error.context("countersigning"));
            }
            storm.pass(Duration::from_millis(200))?;
        }
        agreed.push(id);
    }
    for _ in 0..200 {
        storm.pass(Duration::from_millis(500))?;
        let reports = storm.reports(false)?;
        let done = reports.iter().flatten().filter(|report| {
            report.outbox == 0 && report.partners.len() == 2 && !report.recovering
        });
        if done.count() == CITIES {
            let moved = storm.moved_ms();
            for at in 0..CITIES {
                storm.kill(at);
            }
            std::fs::write(dir.join(STANDS), moved.to_string())?;
            return Ok(());
        }
    }
    bail!("the cities did not come to an agreement:\n{}", storm.trace.lines().join("\n"))
}

/// How far the clocks of a template stand, in milliseconds.
pub(crate) fn stands(dir: &Path) -> Result<u64> {
    Ok(std::fs::read_to_string(dir.join(STANDS))?.parse()?)
}
