//! The consoles and worker's pages of the demo's cities, each on a loopback port of its own, with
//! log-ins that need no password.

use crate::ambient::{SystemClock, SystemEntropy};
use crate::cmd::import::Reader;
use crate::consoles;
use crate::demo::city::{City, free_port};
use crate::web::RealWeb;
use anyhow::Result;
use jieli_gateway::console::role::Role;
use jieli_gateway::console::{self, Demo};
use jieli_gateway::start::stage::Entrance;
use jieli_gateway::worker;
use jieli_node::config::{Config, DeskRole};
use jieli_node::world::random;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Those of one city, until it is dropped.
pub(super) struct Desks {
    /// Each log-in, and the worker's pages last.
    pub(super) entrances: Vec<Entrance>,
    over: CancellationToken,
}

impl Drop for Desks {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

impl Desks {
    /// Opens both beside a city that runs. `sends`: people leave from it.
    pub(super) async fn open(city: &City, sends: bool, tasks: &TaskTracker) -> Result<Desks> {
        let known = Config::load(&city.dir)?;
        let (over, key) =
            (CancellationToken::new(), hex::encode(random::<16>(&SystemEntropy::new())));
        let address = free_port()?;
        let mut config = consoles::of_city(&known, &city.dir, address, format!("http://{address}"));
        config.accounts.second_factor = false;
        config.accounts.file = city.dir.join("console.db");
        for token in &mut config.token {
            let [zh, _] = office(&token.name);
            token.office_name = format!("{}{zh}", city.plan.name);
        }
        let accounts = accounts(city, sends);
        let mut entrances: Vec<Entrance> = accounts
            .iter()
            .map(|(name, role, token)| {
                let ([office_zh, office_en], [zh, en]) = (office(token), post(*role));
                let zh =
                    if token.is_empty() { zh.to_owned() } else { format!("{office_zh} · {zh}") };
                let en =
                    if token.is_empty() { en.to_owned() } else { format!("{office_en}: {en}") };
                Entrance { zh, en, url: format!("http://{address}/demo/{key}/{name}") }
            })
            .collect();
        let outside = console::Outside {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy::new()),
            reader: Arc::new(Reader),
            web: Arc::new(RealWeb::default()),
        };
        let ready = console::Ready::demo(config, outside, Demo { key, accounts }).await?;
        let told = over.clone().cancelled_owned();
        tasks.spawn(async move {
            if let Err(error) = ready.serve(told).await {
                tracing::error!("console of the demo: {error}");
            }
        });
        let address = free_port()?;
        let config = consoles::pages_of_city(&known, address, format!("http://{address}"));
        let outside = worker::Outside {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy::new()),
        };
        let ready = worker::Ready::new(config, outside).await?;
        let told = over.clone().cancelled_owned();
        tasks.spawn(async move {
            if let Err(error) = ready.serve(told).await {
                tracing::error!("worker's pages of the demo: {error}");
            }
        });
        entrances.push(Entrance {
            zh: "本人的页面（办件编号和码在“您的手机”上）".to_owned(),
            en: "The person's own pages (case number and code are on the phones)".to_owned(),
            url: format!("http://{address}/"),
        });
        Ok(Desks { entrances, over })
    }
}

/// Name, role and token of each account.
fn accounts(city: &City, sends: bool) -> Vec<(String, Role, String)> {
    let mut all = Vec::new();
    for (token, role, _) in &city.plan.tokens {
        let roles: &[Role] = match (role, *token, sends) {
            (DeskRole::Clerk, "window", _) => &[],
            (DeskRole::Clerk, _, true) => {
                &[Role::SendingClerk, Role::StationIntake, Role::Director]
            }
            // Medical cover is asked for by the city where a person arrives.
            (DeskRole::Clerk, "medical", false) => &[Role::SendingClerk, Role::ReceivingClerk],
            (DeskRole::Clerk, _, false) => &[Role::ReceivingClerk],
            (DeskRole::Approver, _, _) => &[Role::Approver],
            (DeskRole::Compliance, _, _) => &[Role::ComplianceReviewer],
            (DeskRole::Operator, _, _) => &[Role::SystemAdministrator],
            (DeskRole::Window, _, _) => &[Role::WindowOfficer],
            (DeskRole::Helper, _, _) => &[Role::NamedHelper],
            (DeskRole::Employer, _, _) => &[Role::Employer],
            (DeskRole::Liaison, _, _) => &[Role::Liaison],
            (DeskRole::Body | DeskRole::System, _, _) => &[],
        };
        let account =
            |role: &Role| (format!("{token}-{}", role.name()), *role, (*token).to_owned());
        all.extend(roles.iter().map(account));
    }
    all.push(("security".to_owned(), Role::SecurityAdministrator, String::new()));
    all
}

/// The office of a token.
fn office(token: &str) -> [&'static str; 2] {
    match token {
        "medical" => ["医保局", "medical office"],
        "school" => ["教育局", "school office"],
        "home" => ["住建局", "housing office"],
        "union" => ["总工会", "trade union"],
        "window" => ["综合窗口", "one-stop window"],
        "compliance" => ["审计局", "audit office"],
        "approver-2" => ["协议审批（第二人）", "second approver"],
        "approver" => ["协议审批（第一人）", "first approver"],
        _ => ["人社局", "labour office"],
    }
}

fn post(role: Role) -> [&'static str; 2] {
    match role {
        Role::SendingClerk => ["转出经办", "sending clerk"],
        Role::ReceivingClerk => ["接收经办", "receiving clerk"],
        Role::Approver => ["审批", "approver"],
        Role::StationIntake => ["站点录入", "station intake"],
        Role::WindowOfficer => ["窗口人员", "window officer"],
        Role::Director => ["负责人", "director"],
        Role::NamedHelper => ["协助人", "named helper"],
        Role::Employer => ["用人单位", "employer"],
        Role::Liaison => ["驻外联络", "liaison post"],
        Role::ComplianceReviewer => ["合规审阅", "compliance reviewer"],
        Role::SecurityAdministrator => ["安全管理员", "security administrator"],
        Role::SystemAdministrator => ["系统管理员", "system administrator"],
    }
}
