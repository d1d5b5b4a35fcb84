//! What ends by its date: the certificate, agreements, and the day on which a key should be looked
//! at, an own one or a partner's, and the date by which a flag is answered. Shown while 30 days or fewer are left; an alarm is raised once at 30, at 7 and at 1.

use crate::acts::untaken;
use crate::batch::Batch;
use crate::command::Command;
use crate::courier::TICK;
use crate::directory::Directory;
use crate::house::House;
use crate::keys::ROTATING;
use crate::store::{Store, StoreError};
use crate::writer::Hand;
use jieli_proto::day::Day;
use jieli_proto::id::Digest;
use jieli_proto::wire;
use tokio_util::sync::CancellationToken;

/// Days before the end at which operators are told.
pub const WARN_DAYS: [u32; 3] = [30, 7, 1];

/// What ends within the widest of [`WARN_DAYS`], the soonest first.
pub fn soon(house: &House, directory: &Directory, today: Day) -> Vec<wire::Expiry> {
    let mut all = Vec::new();
    let certificate_until = house.keys.certificate_until();
    if certificate_until > 0 {
        let on = house.calendar().day_of_unix_ms(certificate_until);
        let subject = directory.city.as_str();
        all.extend(expiry("tls-certificate", subject, on, today));
    }
    for bond in directory.bonds.values().filter(|bond| bond.terminated().is_none()) {
        if let Some(agreement) = bond.in_force() {
            all.extend(expiry("agreement", &bond.id.hex(), agreement.to, today));
            let reviews = agreement.wire.review_dates.iter().filter_map(|on| Day::from_number(*on));
            for on in reviews.filter(|on| *on >= today) {
                all.extend(expiry("agreement-review", &bond.id.hex(), on, today));
            }
        }
        for flag in &bond.flags {
            let what = if flag.side == bond.our_side { "flag-there" } else { "flag-here" };
            all.extend(expiry(what, &flag.digest.hex(), flag.answer_by, today));
        }
    }
    let days = house.config.keys.review_days;
    let newest = directory.manifest().filter(|_| days > 0);
    for role in ROTATING.iter().filter_map(|name| name.role()) {
        // The newest of a role is the one to be replaced next.
        let key = newest.and_then(|newest| newest.live_keys(role).first().copied());
        let Some(key) = key else { continue };
        let since = house.calendar().day_of_unix_ms(key.not_before_unix_ms);
        all.extend(expiry("key-review", &key.fpr.hex(), since.plus(days.into()), today));
    }
    for peer in directory.peers.values().filter(|_| days > 0) {
        // One line a city: of the keys that it would use, the one that is due first.
        let keys = ROTATING.iter().filter_map(|name| name.role()).filter_map(|role| {
            peer.newest().and_then(|newest| newest.live_keys(role).first().copied())
        });
        let Some(key) = keys.min_by_key(|key| key.not_before_unix_ms) else { continue };
        let since = house.calendar().day_of_unix_ms(key.not_before_unix_ms);
        let subject = format!("{} {}", peer.city, key.fpr.hex());
        all.extend(expiry("peer-key-review", &subject, since.plus(days.into()), today));
    }
    all.sort_by_key(|found| (found.on, found.what.clone(), found.subject.clone()));
    all
}

fn expiry(what: &str, subject: &str, on: Day, today: Day) -> Option<wire::Expiry> {
    let left = (on.since_epoch() - today.since_epoch()).max(0);
    let days_left = u32::try_from(left).ok().filter(|left| *left <= WARN_DAYS[0])?;
    let warn_days = passed(days_left);
    let short: String = subject.chars().take(16).collect();
    let (zh, en) = match what {
        "tls-certificate" => (
            "连接证书到期（节点本应自动换新，请查看日志）".to_owned(),
            "the TLS certificate ends (the node should have renewed it: see its log)".to_owned(),
        ),
        "agreement" => (
            format!("协议 {short} 到期，请续签"),
            format!("agreement {short} ends: conclude the next version"),
        ),
        "flag-here" => (
            format!("前答复风险提示 {short}（jieli audit flags），逾期不收发新办件"),
            format!(
                "the reviewer answers the flag {short} by then (jieli audit flags); after it \
                 nothing new is sent or taken"
            ),
        ),
        "flag-there" => (
            format!("前由对方城市审阅人员答复风险提示 {short}，逾期不收发新办件"),
            format!(
                "the other city's reviewer answers the flag {short} by then; after it nothing new \
                 is sent or taken"
            ),
        ),
        "agreement-review" => (
            format!("协议 {short} 约定的复审日期"),
            format!("the review that agreement {short} has fixed"),
        ),
        "peer-key-review" => (
            format!(
                "伙伴城市的密钥 {subject} 已久未更换，请电话核对其密钥清单（jieli key list --peer）"
            ),
            format!(
                "the key {subject} of a partner is old: ask it, and compare its manifest (jieli \
                 key list --peer)"
            ),
        ),
        _ => (
            format!("密钥 {short} 应当复查或更换（jieli key rotate）"),
            format!("key {short} is due for review or replacement (jieli key rotate)"),
        ),
    };
    Some(wire::Expiry {
        what: what.to_owned(),
        subject: subject.to_owned(),
        on: on.number(),
        days_left,
        say_zh: format!("{on} {zh}，还有 {days_left} 天。"),
        say_en: format!("{on}: {en}; {days_left} days left."),
        warn_days,
    })
}

/// The narrowest of [`WARN_DAYS`] that is reached.
fn passed(days_left: u32) -> u32 {
    WARN_DAYS.iter().rev().find(|days| days_left <= **days).copied().unwrap_or_default()
}

impl Batch<'_> {
    /// Raises an alarm for each threshold that was passed and not told of yet.
    pub(crate) async fn look_ahead(&mut self) -> Result<(), StoreError> {
        for found in soon(self.house, &self.directory, self.today) {
            let threshold = found.warn_days;
            let (on, at) = (found.on.to_be_bytes(), threshold.to_be_bytes());
            let parts: [&[u8]; 6] =
                [b"expires\0", found.what.as_bytes(), b"\0", found.subject.as_bytes(), &on, &at];
            let id = Digest::of(&parts);
            let sql = "INSERT INTO alarm (alarm_id, raised_ms, kind, peer, detail) \
                       VALUES ($1,$2,$3,$4,$5) ON CONFLICT (alarm_id) DO NOTHING";
            let detail = format!("{} {}", found.say_zh, found.say_en);
            let city = self.directory.city.as_str().to_owned();
            let vals = vec![
                id.0[..16].into(),
                self.now_ms.into(),
                format!("expires-{threshold}").into(),
                city.into(),
                detail.into(),
            ];
            self.conn.run(sql, vals).await?;
        }
        self.tell_untaken().await
    }
}

/// Ticks between the begin of a day and the look: what the node renews by itself is renewed first,
/// also where the machine slept and many days went by at once.
const RENEWAL_TICKS: u32 = 4;

async fn nothing_to_tell(
    store: &Store,
    house: &House,
    directory: &Directory,
    today: Day,
) -> Result<bool, StoreError> {
    if !soon(house, directory, today).is_empty() {
        return Ok(false);
    }
    let mut conn = store.read().await?;
    Ok(untaken(&mut conn, &house.config, directory, &house.shelf()).await?.is_empty())
}

/// Looks ahead at the start and whenever a day begins, until it is stopped.
pub(crate) async fn watch(hand: Hand, store: Store, house: House, stop: CancellationToken) {
    let mut looked: Option<Day> = None;
    let (mut begun, mut rest) = (None, 0u32);
    loop {
        let today = house.calendar().day_of_unix_ms(house.world.clock.now_unix_ms());
        rest = if begun == Some(today) { rest.saturating_sub(1) } else { RENEWAL_TICKS };
        begun = Some(today);
        let directory = std::sync::Arc::clone(&hand.published().directory);
        if looked != Some(today) && rest == 0 {
            // Without anything to tell, nothing is written.
            let is_told = match nothing_to_tell(&store, &house, &directory, today).await {
                Ok(true) => true,
                Ok(false) => hand.perform(Command::LookAhead).await.is_ok(),
                Err(_) => false,
            };
            looked = is_told.then_some(today);
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = house.world.sleep.sleep(TICK) => {}
        }
    }
}
