//! `jieli init`.

use super::say::{OK, Out};
use super::{Done, Fail};
use crate::ambient::{SystemClock, SystemEntropy, passphrase_places};
use anyhow::Context;
use clap::Args;
use jieli_node::config::{Database, DeskRole, DeskToken, Listen};
use jieli_node::init::{InitOptions, NewCity, init};
use jieli_node::keys::{COST, KeysError, Protection};
use jieli_node::public::spoken;
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
    /// One more token, NAME:ROLE:CREDITCODE; may be repeated.
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
    /// `sqlite`, or the postgres:// URL of a database.
    #[arg(long, default_value = "sqlite")]
    database: String,
    /// A file (mode 0600) with the passphrase of the key files; else the systemd credential or
    /// JIELI_PASSPHRASE.
    #[arg(long, conflicts_with = "unprotected")]
    passphrase_file: Option<PathBuf>,
    /// Key files without a passphrase: for trials alone.
    #[arg(long)]
    unprotected: bool,
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
            tokens: self.tokens()?,
        };
        let made = init(dir, &id, &self.name, options, &SystemClock, &SystemEntropy::new())
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

    fn tokens(&self) -> Result<Vec<DeskToken>, Fail> {
        let mut tokens = match &self.office {
            Some(code) => DeskToken::for_office(&office(code)?),
            None => Vec::new(),
        };
        for desk in &self.desks {
            let parts: Vec<&str> = desk.split(':').collect();
            let [name, role, code] = parts.as_slice() else {
                return Err(Fail::usage(
                    "--desk 的格式为 名称:角色:信用代码。",
                    "--desk is NAME:ROLE:CREDITCODE.",
                ));
            };
            let role = DeskRole::ALL.into_iter().find(|known| known.as_str() == *role);
            let role = role.ok_or_else(|| {
                Fail::usage(
                    "角色只能是 clerk、approver、operator 或 compliance。",
                    "A role is clerk, approver, operator or compliance.",
                )
            })?;
            let name = Some((*name).to_owned());
            tokens.push(DeskToken { name, role, office: office(code)? });
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
        "warnings": made.config.warnings(),
    });
    out.show(&value, || {
        let (name, id) = (&made.config.city.name, &made.config.city.id);
        let file = public.display();
        out.lines(
            &format!(
                "已建立：{name}（{id}）\n根密钥指纹：{fpr}\n电话核对：{spoken}\n交给对方城市的文件：{file}"
            ),
            &format!(
                "Made {id}. Root fingerprint {fpr}, read out as {spoken}. Give {file} to the \
                 other city, and the fingerprint on paper."
            ),
        )
    });
}
