//! `jieli backup` and `jieli restore`: copies of the database, made while the node runs and put
//! back while it is stopped.

use super::dial::At;
use super::say::{FAILED, OK, Out, REFUSED, WRONG_USE};
use super::{Done, Fail};
use crate::ambient::SystemClock;
use anyhow::Context;
use clap::{Args, Subcommand};
use jieli_node::backup::{self, Failed, Found, LogFound, Mirrored};
use jieli_node::config::{Config, DeskRole};
use jieli_node::world::Clock as _;
use jieli_proto::wire;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const KEPT_APART: &str = "\
副本里只有数据库。high-water、erasures、keyring.db、keyring-backup/ 不随数据库备份和恢复，keys/ 按密钥规程保管；--mirror 把 erasures 和 keyring-backup/ 的最新状态同步到另一介质，不留旧的。步骤见 deploy/runbook.md。
A copy holds the database alone. high-water, erasures, keyring.db and keyring-backup/ are neither backed up nor restored with it, \
keys/ by the key procedure. --mirror brings the newest state of erasures and keyring-backup/ to another medium and keeps nothing \
older there. The steps are in deploy/runbook.md.";

/// Copies the database into a new file while the node runs, and checks the copy (SQLite).
#[derive(Args, Debug)]
#[command(after_help = KEPT_APART, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Backup {
    /// The new file; it gets this name once it is whole, checked and on the disk.
    #[arg(long, value_name = "FILE", required = true)]
    out: Option<PathBuf>,
    /// Also brings this directory to the newest state of `erasures` and `keyring-backup/`.
    #[arg(long, value_name = "DIRECTORY")]
    mirror: Option<PathBuf>,
    #[command(subcommand)]
    what: Option<BackupCommand>,
}

#[derive(Debug, Subcommand)]
enum BackupCommand {
    /// Works out anew what a copy holds, and how far it is behind what was signed. Writes nothing.
    Verify {
        /// The copy.
        file: PathBuf,
    },
}

impl Backup {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let config = Config::load(&at.dir).context("the configuration")?;
        let file = match (self.what, self.out) {
            (Some(BackupCommand::Verify { file }), _) => {
                let found = backup::check(&config, &file).await.map_err(fail)?;
                out.show(&value(&file, &found), || text(&file, &found, out));
                return Ok(OK);
            }
            (None, Some(file)) => file,
            (None, None) => {
                return Err(Fail::usage("请用 --out 指明新文件。", "--out names the new file."));
            }
        };
        let found = backup::make(&config, &file).await.map_err(fail)?;
        // After the copy, so that the ring has a key for all that is in it.
        let mirrored = match &self.mirror {
            Some(to) => Some((ring_now(at).await, backup::mirror(&config, to).map_err(fail)?)),
            None => None,
        };
        let mut shown = value(&file, &found);
        shown["mirror"] = mirrored.map_or(Value::Null, |(ring_is_new, mirrored)| {
            let Mirrored { ledger_bytes, files, removed } = mirrored;
            json!({ "ledger_bytes": ledger_bytes, "files": files, "removed": removed, "ring_is_new": ring_is_new })
        });
        out.show(&shown, || {
            let mut lines = vec![text(&file, &found, out)];
            if let Some((ring_is_new, Mirrored { files, removed, .. })) = mirrored {
                lines.push(out.say(
                    &format!("删除登记和密钥环备份已同步：{files} 个文件，去掉旧的 {removed} 个。"),
                    &format!("Ledger of erasures and key ring's backups mirrored: {files} files, {removed} older ones removed."),
                ));
                if !ring_is_new {
                    lines.push(out.say(
                        "节点没有应答，密钥环备份是上一次的：此后写入的个人信息要等下一次才有密钥备份。",
                        "The node did not answer, so the key ring's backup is the last one: what was entered since has no key in it until the next.",
                    ));
                }
            }
            lines.join("\n")
        });
        Ok(OK)
    }
}

/// Has the node write a backup of its key ring; whether it did.
async fn ring_now(at: &At) -> bool {
    let Ok(mut desk) = at.desk(DeskRole::Operator).await else { return false };
    desk.back_up_keyring(wire::KeyringBackupRequest {}).await.is_ok()
}

/// Puts a copy in the place of the database while the node is stopped; the one that was there is
/// moved aside.
#[derive(Args, Debug)]
#[command(after_help = KEPT_APART)]
pub(super) struct Restore {
    /// The copy.
    file: PathBuf,
}

impl Restore {
    pub(super) async fn run(self, dir: &Path, out: Out) -> Result<Done, Fail> {
        let config = Config::load(dir).context("the configuration")?;
        let now_ms = SystemClock.now_unix_ms();
        let restored = backup::restore(&config, &self.file, now_ms).await.map_err(fail)?;
        let mut shown = value(&self.file, &restored.found);
        shown["before"] = json!(restored.before.as_ref().map(|path| path.display().to_string()));
        out.show(&shown, || {
            let mut lines = vec![text(&self.file, &restored.found, out)];
            if let Some(before) = &restored.before {
                let before = before.display();
                lines.push(out.say(
                    &format!("已放回。原来的数据库移到 {before}，确认无误后删除。"),
                    &format!("It is in its place. The database of before lies at {before}: remove it once all is well."),
                ));
            } else {
                lines.push(out.say("已放回。", "It is in its place."));
            }
            lines.push(if restored.found.is_newest() {
                out.say("启动节点即可。", "Start the node.")
            } else {
                out.say(
                    "启动节点：它会先照登记再删一遍，再从伙伴城市还原缺少的记录；用 jieli status 查看，步骤见 deploy/runbook.md。",
                    "Start the node: it first erases again what the ledger names, then rebuilds the missing records from \
                     its partners. `jieli status` tells how that goes; the steps are in deploy/runbook.md.",
                )
            });
            lines.join("\n")
        });
        Ok(OK)
    }
}

fn value(file: &Path, found: &Found) -> Value {
    let log = |log: &LogFound| {
        json!({
            "origin": log.origin, "size": log.size, "root": hex::encode(log.root), "behind": log.behind,
        })
    };
    json!({
        "file": file.display().to_string(),
        "bytes": found.bytes,
        "schema": found.schema,
        "logs": found.logs.iter().map(log).collect::<Vec<_>>(),
    })
}

fn text(file: &Path, found: &Found, out: Out) -> String {
    let (file, bytes, schema) = (file.display(), found.bytes, found.schema);
    let mut lines = vec![out.say(
        &format!("{file}：完整，{bytes} 字节，结构第 {schema} 步。"),
        &format!("{file}: whole, {bytes} bytes, schema step {schema}."),
    )];
    for log in &found.logs {
        let LogFound { origin, size, behind, .. } = log;
        lines.push(match behind {
            Some(0) => out.say(
                &format!("{origin}：{size} 条，已签署的都在。"),
                &format!("{origin}: {size} records, everything that was signed."),
            ),
            Some(behind) => out.say(
                &format!("{origin}：{size} 条，此后又签署了 {behind} 条。"),
                &format!("{origin}: {size} records; {behind} more were signed since."),
            ),
            None => out.say(
                &format!("{origin}：{size} 条；没有 high-water 文件，不知道此后签署了多少。"),
                &format!("{origin}: {size} records; without the high-water file nobody here knows how many were signed since."),
            ),
        });
    }
    lines.join("\n")
}

fn fail(failed: Failed) -> Fail {
    let (exit, code, zh) = match &failed {
        Failed::Postgres => (
            WRONG_USE,
            "POSTGRES",
            "数据库在 PostgreSQL 上，请用它自己的工具备份，步骤见运行手册。",
        ),
        Failed::Exists(_) => (WRONG_USE, "EXISTS", "文件已存在，请另取名字：副本不覆盖任何文件。"),
        Failed::Missing(_) => (WRONG_USE, "MISSING", "没有这个文件。"),
        Failed::NotAlone(_) => {
            (REFUSED, "NOT_ALONE", "副本不止一个文件，请用 jieli backup 或停机后再复制。")
        }
        Failed::Damaged { .. } => (REFUSED, "DAMAGED", "副本已损坏，请换一份。"),
        Failed::OtherCity { .. } => (REFUSED, "OTHER_CITY", "这是另一座城市的数据库。"),
        Failed::Forked { .. } => {
            (REFUSED, "FORKED", "副本里的记录与已签署的不同，不能放回；请换一份更早的。")
        }
        Failed::LedgerBehind(_) => {
            (REFUSED, "LEDGER_BEHIND", "另一介质上的删除登记比这里的新，请先停节点，把它放回。")
        }
        Failed::Running => (REFUSED, "RUNNING", "节点正在运行，请先停止。"),
        Failed::Store(_) | Failed::Disk(_) | Failed::HighWater(_) => {
            (FAILED, "NOT_DONE", "没有完成，原因见英文说明；排除后再做一次即可。")
        }
    };
    Fail::new(exit, code, zh, failed.to_string())
}
