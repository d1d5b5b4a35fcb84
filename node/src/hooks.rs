//! What other systems of an office are told by HTTP when one of its legs changes: case number, leg
//! and stage, signed by the Standard Webhooks scheme, and nothing else. A delivery is a row of the
//! transaction that changed the leg, with what it says fixed in it.
//!
//! To each address one at a time, in the order of the changes: none overtakes another. What is not
//! taken is tried again under its own id, later each time, until it is given up.

mod sender;

pub use sender::Sender;

use crate::batch::Batch;
use crate::command::{Actor, Done};
use crate::config::{Config, DeskRole, url_problem};
use crate::directory::Directory;
use crate::keys::{KeyRing, KeysError, Secret};
use crate::legs::{LegFile, stage_word};
use crate::store::hooks::{self, Hook, HookState, Line, Told};
use crate::store::{Conn, StoreError, desk_queue, legs};
use crate::trouble::{Denied, Outcome};
use crate::webhook::SharedSecret;
use crate::world::Entropy;
use jieli_proto::id::LegId;
use jieli_proto::wire;

/// The longest address, in bytes.
const URL_BYTES_MAX: usize = 512;
/// Addresses of one system.
const PER_SYSTEM_MAX: usize = 4;
/// How long the secret before signs beside a new one.
const OLD_SECRET_MS: u64 = 86_400_000;
/// How long the delivery log is kept.
const LOG_MS: u64 = 30 * 86_400_000;
/// How long one replica sends alone, unless it says so again.
const LEASE_MS: u64 = 60_000;
/// Lines of the log that are shown at once.
const LINES_MAX: u32 = 500;
const LINES: u32 = 50;
/// Seconds until the next try, after so many that failed.
const AGAIN_S: [u64; 8] = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400];
/// The chore that has a lease.
const CHORE: &str = "webhooks";
/// What a secret is wrapped for.
const PURPOSE: &str = "webhook";

const IN_THE_CLEAR: &str = "must begin with https: plain http is for 127.0.0.1 and [::1] alone";

/// What is done about them.
#[derive(Clone, Debug)]
pub enum HookCommand {
    /// An operator adds an address.
    Add(Actor, wire::AddWebhookRequest),
    /// Ends one.
    Remove(Actor, wire::WebhookRef),
    /// Gives one a new secret.
    Rotate(Actor, wire::WebhookRef),
    /// Tries again at once.
    Retry(Actor, wire::WebhookRef),
    /// The sender of this replica asks to be the one who sends.
    Lease([u8; 16]),
    /// What came of a delivery.
    Sent([u8; 16], Answer),
}

/// What came back: the HTTP status, 0 where there was no answer; why it was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status, or 0.
    pub status: u16,
    /// Empty where it was taken.
    pub problem: String,
}

/// Wraps the 32 bytes of a secret for its place.
fn wrapped(
    keys: &KeyRing,
    entropy: &dyn Entropy,
    id: [u8; 16],
    secret: &Secret<32>,
) -> Result<Vec<u8>, KeysError> {
    keys.wrap_key(entropy, PURPOSE, LegId(id), 0, secret)
}

/// A secret as it is used; `None` where it cannot be opened.
fn opened(keys: &KeyRing, id: [u8; 16], wrapped: &[u8]) -> Option<SharedSecret> {
    let bytes = keys.unwrap_key(PURPOSE, LegId(id), 0, wrapped).ok()?;
    SharedSecret::parse(&SharedSecret::text(bytes.expose())).ok()
}

/// Whether the configuration still names the system, as one of that office.
fn is_known(config: &Config, hook: &Hook) -> bool {
    config.desk.tokens.iter().any(|token| {
        token.role == DeskRole::System
            && token.name() == hook.token
            && token.office.as_str() == hook.office
    })
}

fn no_such(id: &str) -> Denied {
    Denied::no_such(&format!("推送地址 {id}"), &format!("webhook {id}"))
}

/// One by its id.
fn named<'a>(directory: &'a Directory, id: &str) -> Result<&'a Hook, Denied> {
    let id = id.trim();
    let found = directory.hooks.iter().find(|hook| hex::encode(hook.id) == id);
    found.ok_or_else(|| no_such(id))
}

fn again_ms(failed: u64, random: u64) -> u64 {
    let at = usize::try_from(failed).unwrap_or(usize::MAX).min(AGAIN_S.len() - 1);
    let wait_ms = AGAIN_S[at] * 1000;
    wait_ms + random % (wait_ms / 10)
}

impl Batch<'_> {
    /// Writes down where a leg stands, and, where that is new, what systems are to be told of it.
    pub(crate) async fn note_standing(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let is_new = desk_queue::index(self.conn, file).await?;
        if !is_new || self.directory.hooks.is_empty() {
            return Ok(());
        }
        for hook in self.directory.hooks.clone().iter() {
            let office = self.directory.office_now(&hook.office).to_owned();
            let seen = file.seen_by(&office);
            let may =
                is_known(&self.house.config, hook) && seen.is_for_system_of(&office, self.now_ms);
            let Some(case) = legs::case_by_id(self.conn, file.case).await?.filter(|_| may) else {
                continue;
            };
            let told = Told {
                case_number: case.number,
                leg: seen.number,
                stage: stage_word(&seen).to_owned(),
            };
            hooks::tell(self.conn, &hook.id, self.random(), &told, self.now_ms).await?;
        }
        Ok(())
    }

    /// Does what operators and the sender ask for.
    pub(crate) async fn hooks(&mut self, command: HookCommand) -> Outcome<Done> {
        match command {
            HookCommand::Add(actor, asked) => self.add_hook(&actor, &asked).await,
            HookCommand::Remove(actor, asked) => {
                let hook = named(&self.directory, &asked.id)?.clone();
                hooks::remove(self.conn, &hook.id).await?;
                self.note_hook("webhook removed", &actor, &hook);
                self.reload().await?;
                Ok(Done::Nothing)
            }
            HookCommand::Rotate(actor, asked) => {
                let hook = named(&self.directory, &asked.id)?.clone();
                let (text, secret) = self.new_secret(hook.id)?;
                let until_ms = self.now_ms + OLD_SECRET_MS;
                hooks::rotate(self.conn, &hook.id, secret, until_ms).await?;
                self.note_hook("webhook secret changed", &actor, &hook);
                self.with_secret(hook.id, text).await
            }
            HookCommand::Retry(actor, asked) => {
                let hook = named(&self.directory, &asked.id)?.clone();
                hooks::retry(self.conn, &hook.id, self.now_ms).await?;
                self.note_hook("webhook tried", &actor, &hook);
                Ok(Done::Nothing)
            }
            HookCommand::Lease(holder) => {
                let until_ms = self.now_ms + LEASE_MS;
                let is_ours = hooks::lease(self.conn, CHORE, &holder, self.now_ms, until_ms);
                Ok(Done::Leased(is_ours.await?.then_some(until_ms)))
            }
            HookCommand::Sent(id, answer) => {
                self.hook_sent(&id, &answer).await?;
                Ok(Done::Nothing)
            }
        }
    }

    /// The address itself stays out of the log: its path may hold a key of the receiver's.
    fn note_hook(&mut self, what: &str, actor: &Actor, hook: &Hook) {
        let about = format!("{} {} {}", actor.token, hex::encode(hook.id), hook.token);
        self.record(what, about.as_bytes());
    }

    fn new_secret(&self, id: [u8; 16]) -> Result<(String, Vec<u8>), StoreError> {
        let entropy = self.house.world.entropy.as_ref();
        let secret: Secret<32> = Secret::random(entropy);
        let wrapped = wrapped(&self.house.keys, entropy, id, &secret);
        let wrapped = wrapped.map_err(|_| StoreError::Corrupt("webhook.secret"))?;
        Ok((SharedSecret::text(secret.expose()).to_string(), wrapped))
    }

    async fn with_secret(&mut self, id: [u8; 16], secret: String) -> Outcome<Done> {
        let states = hooks::states(self.conn).await?;
        let state = states.iter().find(|state| state.hook.id == id);
        let webhook = state.map(|state| view(state, &self.directory, &self.house.config));
        Ok(Done::Hook(Box::new(wire::WebhookSecret { webhook, secret })))
    }

    async fn add_hook(&mut self, actor: &Actor, asked: &wire::AddWebhookRequest) -> Outcome<Done> {
        let (name, url) = (asked.system.trim(), asked.url.trim());
        let tokens = &self.house.config.desk.tokens;
        let token = tokens.iter().find(|one| one.role == DeskRole::System && one.name() == name);
        let Some(token) = token else {
            return Err(Denied::new(
                "NO_SUCH_SYSTEM",
                format!("没有名为“{name}”的系统：先在 jieli.toml 的 desk.tokens 里登记。"),
                format!(
                    "No system is named “{name}”: enter it in desk.tokens of jieli.toml first."
                ),
            )
            .into());
        };
        let flaw = url_problem(url, IN_THE_CLEAR);
        let flaw = flaw.or((url.len() > URL_BYTES_MAX).then_some("must be at most 512 bytes long"));
        if let Some(flaw) = flaw {
            return Err(Denied::new(
                "BAD_URL",
                "地址须以 https:// 开头，不含用户名和密码，至多 512 字节；http 只限本机（127.0.0.1 或 [::1]）。",
                format!("The address {flaw}."),
            )
            .into());
        }
        let own = || self.directory.hooks.iter().filter(|hook| hook.token == name);
        if own().any(|hook| hook.url == url) || own().count() >= PER_SYSTEM_MAX {
            return Err(Denied::new(
                "WEBHOOK_THERE",
                format!("这个系统已有这个地址，或已有 {PER_SYSTEM_MAX} 个地址：先删除一个。"),
                format!(
                    "The system has this address, or {PER_SYSTEM_MAX} of them: remove one first."
                ),
            )
            .into());
        }
        let hook = Hook {
            id: self.random(),
            office: token.office.as_str().to_owned(),
            token: name.to_owned(),
            url: url.to_owned(),
        };
        let (text, secret) = self.new_secret(hook.id)?;
        hooks::add(self.conn, &hook, secret, self.now_ms).await?;
        self.note_hook("webhook added", actor, &hook);
        self.reload().await?;
        self.with_secret(hook.id, text).await
    }

    async fn hook_sent(&mut self, id: &[u8; 16], answer: &Answer) -> Outcome<()> {
        let found = hooks::waiting(self.conn, id).await?;
        let Some((hook, failed, since_ms)) = found else { return Ok(()) };
        hooks::forget(self.conn, self.now_ms.saturating_sub(LOG_MS)).await?;
        if answer.problem.is_empty() {
            hooks::taken(self.conn, &hook, id, answer.status, self.now_ms).await?;
            return Ok(());
        }
        let due_ms = self.now_ms + again_ms(failed, u64::from_be_bytes(self.random()));
        let said = (answer.status, answer.problem.as_str());
        hooks::failed(self.conn, &hook, id, said, due_ms).await?;
        let days = self.house.config.webhooks.give_up_days;
        let before_ms = self.now_ms.saturating_sub(days * 86_400_000);
        if since_ms > before_ms {
            return Ok(());
        }
        let (is_first, count) = hooks::give_up(self.conn, &hook, before_ms, self.now_ms).await?;
        let known = self.directory.hooks.iter().find(|one| one.id == hook);
        if let Some(known) = known.filter(|_| is_first) {
            let (id, system) = (hex::encode(known.id), &known.token);
            let told = format!(
                "webhook {id} of {system} took nothing for {days} days, {count} given up ({}): see \
                 to the receiver, then `jieli webhook retry {id}`",
                answer.problem
            );
            let city = self.directory.city.clone();
            self.alarm("webhook-dead", &city, &told).await?;
        }
        Ok(())
    }
}

fn view(state: &HookState, directory: &Directory, config: &Config) -> wire::Webhook {
    let hook = &state.hook;
    let (waiting, oldest_unix_ms) = state.waiting;
    let word = match state {
        state if !is_known(config, &state.hook) => "no-system",
        HookState { dead_ms, .. } if *dead_ms > 0 => "dead",
        HookState { failed, .. } if *failed > 0 => "failing",
        _ => "well",
    };
    wire::Webhook {
        id: hex::encode(hook.id),
        system: hook.token.clone(),
        office: hook.office.clone(),
        office_name: directory.own_office_name(&hook.office),
        url: hook.url.clone(),
        state: word.to_owned(),
        made_unix_ms: state.made_ms,
        old_secret_until_unix_ms: state.old_until_ms,
        waiting,
        oldest_unix_ms,
        next_try_unix_ms: if waiting > 0 { state.due_ms } else { 0 },
        taken_unix_ms: state.taken_ms,
    }
}

/// All of them, as operators see them.
pub async fn list(
    conn: &mut Conn,
    directory: &Directory,
    config: &Config,
) -> Result<wire::WebhookList, StoreError> {
    let states = hooks::states(conn).await?;
    let webhooks = states.iter().map(|state| view(state, directory, config)).collect();
    Ok(wire::WebhookList { webhooks })
}

fn most(asked: u32) -> u32 {
    if asked == 0 { LINES } else { asked.min(LINES_MAX) }
}

fn line(line: Line) -> wire::Delivery {
    wire::Delivery {
        id: hex::encode(line.id),
        webhook: hex::encode(line.hook),
        system: line.token,
        state: line.state.to_owned(),
        attempts: u32::try_from(line.attempts).unwrap_or(u32::MAX),
        status: u32::try_from(line.status).unwrap_or_default(),
        problem: line.problem,
        made_unix_ms: line.made_ms,
        done_unix_ms: line.done_ms,
        case_number: line.told.case_number,
        leg: line.told.leg,
        stage: line.told.stage,
    }
}

/// The delivery log as operators see it: no case is named.
pub async fn log(
    conn: &mut Conn,
    directory: &Directory,
    asked: &wire::ListDeliveriesRequest,
) -> Outcome<wire::DeliveryList> {
    let hook = match asked.webhook.trim() {
        "" => None,
        id => Some(named(directory, id)?.id),
    };
    let lines = hooks::lines(conn, hook, "", most(asked.most)).await?;
    let unnamed = |mut told: wire::Delivery| {
        (told.case_number, told.leg, told.stage) = (String::new(), 0, String::new());
        told
    };
    let deliveries = lines.into_iter().map(line).map(unnamed).collect();
    Ok(wire::DeliveryList { deliveries })
}

/// What one system was told, as itself sees it.
pub async fn own_log(
    conn: &mut Conn,
    directory: &Directory,
    system: &Actor,
    asked: &wire::ListDeliveriesRequest,
) -> Outcome<wire::DeliveryList> {
    let is_own = |hook: &Hook| {
        hook.token == system.token && directory.office_now(&hook.office) == system.office
    };
    let hook = match asked.webhook.trim() {
        "" => None,
        id => {
            let found = named(directory, id)?;
            Some(Some(found.id).filter(|_| is_own(found)).ok_or_else(|| no_such(id))?)
        }
    };
    let own = |id: &[u8; 16]| directory.hooks.iter().any(|hook| hook.id == *id && is_own(hook));
    let lines = hooks::lines(conn, hook, &system.token, most(asked.most)).await?;
    let deliveries = lines.into_iter().filter(|line| own(&line.hook)).map(line).collect();
    Ok(wire::DeliveryList { deliveries })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_try_waits_longer_and_none_for_ever() {
        let waits: Vec<u64> = (0..20).map(|failed| again_ms(failed, u64::MAX)).collect();
        assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]), "{waits:?}");
        assert!(waits[0] < 6_000 && waits[19] < 5 * 3_600_000, "{waits:?}");
        assert_eq!(again_ms(u64::MAX, 0), 14_400_000);
    }
}
