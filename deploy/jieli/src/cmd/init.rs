//! `jieli init`.

use super::say::{OK, Out};
use super::{Done, Fail};
use crate::ambient::{SystemClock, SystemEntropy, passphrase_places};
use crate::demo::clock::FileClock;
use anyhow::Context;
use clap::Args;
use jieli_node::config::{APPROVER_POSTS, Database, DeskRole, DeskToken, Listen, UNDO_MINUTES};
use jieli_node::init::{InitOptions, NewCity, init};
use jieli_node::keys::{COST, KeysError, Protection};
use jieli_node::public::spoken;
use jieli_node::world::Clock;
use jieli_proto::id::CityId;
use jieli_proto::number::CreditCode;
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Makes a new city.
#[derive(Args, Debug)]
pub(super) struct Init {
    /// City id: 3 to 63 of a-z, 0-9, full stop and hyphen. Bound to its root key for ever.
    #[arg(long)]
    city: String,
    /// Name as people know it.
    #[arg(long)]
    name: String,
    /// Credit code of the office that gets one token for each role.
    #[arg(long)]
    office: Option<String>,
    /// Post of an approver of that office, as the agreement will name it; given once for each, at
    /// least twice. Default: 局长 and 法制科科长.
    #[arg(long = "approver-post", value_name = "POST", requires = "office")]
    approver_posts: Vec<String>,
    /// One more token, NAME:ROLE:CREDITCODE, for an approver NAME:approver:CREDITCODE:POST; may be
    /// repeated.
    #[arg(long = "desk", value_name = "NAME:ROLE:CREDITCODE")]
    desks: Vec<String>,
    /// Address that other cities call.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED))]
    peer_address: IpAddr,
    /// Port that other cities call.
    #[arg(long, default_value_t = 7400)]
    peer_port: u16,
    /// Port of the own desks, on this machine.
    #[arg(long, default_value_t = 7401)]
    desk_port: u16,
    /// Port of workers with a code, on this machine.
    #[arg(long, default_value_t = 7402)]
    worker_port: u16,
    /// host:port where other cities reach this one; may be repeated; none: it only dials out.
    #[arg(long = "end-point")]
    end_points: Vec<String>,
    /// Minutes that what a clerk enters waits and can be undone, 0 to 30; 0 sends at once.
    #[arg(long, default_value_t = UNDO_MINUTES, value_parser = clap::value_parser!(u64).range(..=30))]
    undo_minutes: u64,
    /// `sqlite`, or the postgres:// URL of a database.
    #[arg(long, default_value = "sqlite")]
    database: String,
    /// With PostgreSQL: the postgres:// URL of another database, for the keys of personal data, in no
    /// dump of the first. Default: the first one's name with _keyring behind.
    #[arg(long)]
    keyring: Option<String>,
    /// A file (mode 0600) with the passphrase of the key files; else the systemd credential or
    /// JIELI_PASSPHRASE.
    #[arg(long, conflicts_with = "unprotected")]
    passphrase_file: Option<PathBuf>,
    /// Key files without a passphrase: for trials alone.
    #[arg(long)]
    unprotected: bool,
    /// The clock of a trial, from which its keys begin; see `demo::clock`.
    #[arg(long, hide = true)]
    clock: Option<PathBuf>,
}

impl Init {
    pub(super) fn run(mut self, dir: &Path, out: Out) -> Result<Done, Fail> {
        // The configuration's paths start in the city's directory, those typed here do not.
        if let Some(file) = &self.passphrase_file {
            let whole = std::path::absolute(file).with_context(|| file.display().to_string())?;
            self.passphrase_file = Some(whole);
        }
        let id = CityId::parse(&self.city).ok_or_else(|| {
            Fail::usage(
                "城市编号应为 3 至 63 个小写字母、数字、点或连字符。",
                "A city id is 3 to 63 characters of a-z, 0-9, full stop and hyphen.",
            )
        })?;
        let database = Database::try_from(self.database.clone()).map_err(|error| {
            Fail::usage("--database 只能是 sqlite 或 postgres:// 地址。", error.to_string())
        })?;
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let options = InitOptions {
            keyring: self.keyring.clone().or_else(|| database.keyring_beside()),
            database,
            listen: Listen {
                peer: SocketAddr::new(self.peer_address, self.peer_port),
                desk: local(self.desk_port),
                worker: local(self.worker_port),
                health: None,
            },
            end_points: self.end_points.clone(),
            protection: self.protection()?,
            passphrase_file: self.passphrase_file.clone(),
            undo_minutes: self.undo_minutes,
            tokens: self.tokens()?,
        };
        let clock: Box<dyn Clock> = match &self.clock {
            Some(file) => Box::new(FileClock::open(file)),
            None => Box::new(SystemClock),
        };
        let made = init(dir, &id, &self.name, options, clock.as_ref(), &SystemEntropy::new())
            .map_err(|error| {
                let zh = format!("没有建立城市节点：请核对目录和参数（{error}）。");
                Fail::usage(zh, error.to_string())
            })?;
        tell(dir, &made, out);
        Ok(OK)
    }

    fn protection(&self) -> Result<Protection, Fail> {
        if self.unprotected {
            return Ok(Protection::Unprotected);
        }
        let mut places = passphrase_places(None);
        places.file = self.passphrase_file.clone();
        let keys = |error: KeysError| {
            Fail::usage(
                "需要口令（至少 12 个字符）：JIELI_PASSPHRASE 或 --passphrase-file。",
                error.to_string(),
            )
        };
        let passphrase = places.find().map_err(keys)?.ok_or(KeysError::NoPassphrase);
        Ok(Protection::Passphrase { passphrase: passphrase.map_err(keys)?, cost: COST })
    }

    /// What binds the city needs two posts, so a city starts with two.
    fn posts(&self) -> Result<Vec<String>, Fail> {
        let posts = &self.approver_posts;
        let distinct: std::collections::BTreeSet<&String> = posts.iter().collect();
        match posts.len() {
            0 => Ok(APPROVER_POSTS.map(str::to_owned).to_vec()),
            count if count >= 2 && distinct.len() == count => Ok(posts.clone()),
            _ => Err(Fail::usage(
                "批准岗位至少要两个，且各不相同：--approver-post 岗位一 --approver-post 岗位二。",
                "At least two different approver posts are needed: --approver-post ONE \
                 --approver-post TWO.",
            )),
        }
    }

    fn tokens(&self) -> Result<Vec<DeskToken>, Fail> {
        let mut tokens = match &self.office {
            Some(code) => DeskToken::with_posts(&office(code)?, &self.posts()?),
            None => Vec::new(),
        };
        for desk in &self.desks {
            let parts: Vec<&str> = desk.split(':').collect();
            let (name, role, code, post) = match parts.as_slice() {
                [name, role, code] => (name, role, code, None),
                [name, role, code, post] => (name, role, code, Some((*post).to_owned())),
                _ => {
                    return Err(Fail::usage(
                        "--desk 的格式为 名称:角色:信用代码，批准岗位再加 :岗位。",
                        "--desk is NAME:ROLE:CREDITCODE, and :POST for an approver.",
                    ));
                }
            };
            let role = DeskRole::ALL.into_iter().find(|known| known.as_str() == *role);
            let role = role.ok_or_else(|| {
                Fail::usage(
                    "角色只能是 clerk、approver、operator、compliance、window、body 或 system。",
                    "A role is clerk, approver, operator, compliance, window, body or system.",
                )
            })?;
            tokens.push(DeskToken { post, ..DeskToken::named(name, role, &office(code)?) });
        }
        if tokens.is_empty() {
            return Err(Fail::usage(
                "请用 --office 或 --desk 指明机构的统一社会信用代码。",
                "Name an office by its credit code with --office or --desk.",
            ));
        }
        Ok(tokens)
    }
}

fn office(code: &str) -> Result<CreditCode, Fail> {
    CreditCode::parse(code).map_err(|error| {
        Fail::usage(
            format!("“{code}”不是统一社会信用代码（GB 32100），请核对。"),
            format!("An office is named by its credit code (GB 32100), not “{code}”: {error}"),
        )
    })
}

fn tell(dir: &Path, made: &NewCity, out: Out) {
    let fpr = made.public.root_fpr();
    let spoken = spoken(&fpr).join(" ");
    let public = dir.join(jieli_node::public::PUBLIC_FILE);
    let value = json!({
        "city_id": made.config.city.id.as_str(),
        "name": made.config.city.name,
        "dir": dir.display().to_string(),
        "root_fpr": fpr.hex(),
        "root_spoken": spoken,
        "public_file": public.display().to_string(),
        "approver_tokens": made.config.desk.tokens.iter().filter_map(|token| {
            token.post.as_ref().map(|post| json!({ "token": token.name(), "post": post }))
        }).collect::<Vec<_>>(),
        "warnings": made.config.warnings(),
    });
    let approvers =
        made.config.desk.tokens.iter().filter_map(|token| {
            token.post.as_ref().map(|post| format!("{} = {post}", token.name()))
        });
    let approvers = approvers.collect::<Vec<_>>().join(", ");
    out.show(&value, || {
        let (name, id) = (&made.config.city.name, &made.config.city.id);
        let file = public.display();
        out.lines(
            &format!(
                "已建立：{name}（{id}）\n根密钥指纹：{fpr}\n电话核对：{spoken}\n批准岗位的令牌：{approvers}\n\
                 启动节点后，用 jieli peer invite 邀请对方城市；或把 {file} 交给对方，指纹写在纸质协议上。"
            ),
            &format!(
                "Made {id}. Root fingerprint {fpr}, read out as {spoken}. Approver tokens: \
                 {approvers}. Once the node runs, invite the other city with `jieli peer invite`; \
                 or give it {file}, and the fingerprint on paper."
            ),
        )
    });
}
