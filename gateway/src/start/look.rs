//! What each city sees, asked of its own desks over gRPC. Nothing is kept beyond the next look.

use super::stage::{Door, Subject};
use jieli_proto::case::Stage as LegStage;
use jieli_proto::wire::desk_client::DeskClient;
use jieli_proto::wire::{self, MessageType, Service};
use jieli_proto::words::{self, Word};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// Messages shown of each city.
const MESSAGES: usize = 10;
/// Why the page looks: it stands in the city's local log.
const PURPOSE: &str = "演示起始页：核对本机构能看到什么";

/// A city at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct CityLook {
    /// What changes when anything worth showing changes.
    pub(super) mark: String,
    pub(super) log_size: u64,
    pub(super) log_root: String,
    pub(super) checkpoint: String,
    pub(super) letters_waiting: u64,
    pub(super) awaiting: u64,
    pub(super) stages: Vec<StageLine>,
    pub(super) messages: Vec<MessageLook>,
    pub(super) sights: Vec<SightLine>,
    pub(super) looked: bool,
}

/// Legs in one stage.
#[derive(Clone, Debug)]
pub(super) struct StageLine {
    pub(super) stage: Word,
    pub(super) count: usize,
    /// The nearest due date, `yyyymmdd`, 0 without.
    pub(super) due: u32,
    pub(super) legs: Vec<(String, Word, u32)>,
}

/// A message as a clerk reads of it.
#[derive(Clone, Debug)]
pub(super) struct MessageLook {
    pub(super) at_ms: u64,
    pub(super) arrived: bool,
    pub(super) kind: Word,
    pub(super) service: Word,
    pub(super) case: String,
    pub(super) status: Word,
    pub(super) good: bool,
}

/// Whether a city sees something.
#[derive(Clone, Debug)]
pub(super) struct SightLine {
    pub(super) name: [String; 2],
    pub(super) sight: Sight,
}

#[derive(Clone, Debug)]
pub(super) enum Sight {
    /// These offices: Chinese, English.
    Seen(Vec<[String; 2]>),
    Erased,
    Never,
}

/// Keeps a connection to each door.
#[derive(Debug, Default)]
pub(super) struct Eyes {
    channels: Mutex<BTreeMap<SocketAddr, Channel>>,
}

impl Eyes {
    pub(super) fn channel(&self, at: SocketAddr) -> Result<Channel, Status> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get(&at) {
            return Ok(channel.clone());
        }
        let endpoint = Endpoint::from_shared(format!("http://{at}"))
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let endpoint = endpoint.connect_timeout(Duration::from_secs(2));
        let channel = endpoint.timeout(Duration::from_secs(10)).connect_lazy();
        channels.insert(at, channel.clone());
        Ok(channel)
    }

    fn desk(&self, door: &Door) -> Result<DeskClient<Channel>, Status> {
        Ok(DeskClient::new(self.channel(door.desk)?).max_decoding_message_size(16 << 20))
    }

    /// Looks at a city again, or returns `before` where nothing has changed since.
    pub(super) async fn look(
        &self,
        door: &Door,
        subjects: &[Subject],
        before: Option<&CityLook>,
        closely: bool,
    ) -> Result<CityLook, Status> {
        let mut look = self.heads(door).await?;
        let wanted: Vec<&str> = subjects.iter().map(|subject| subject.needle.as_str()).collect();
        look.mark += &format!(" {}", wanted.join(" "));
        if let Some(before) = before.filter(|before| before.mark == look.mark)
            && (before.looked || !closely)
        {
            return Ok(before.clone());
        }
        let cases = self.cases(door).await?;
        look.stages = stages(&cases);
        let on_the_road = |case: &&wire::CaseLine| case.legs.iter().any(|leg| leg.stage != "DRAFT");
        let cases: Vec<&wire::CaseLine> = cases.iter().filter(on_the_road).collect();
        look.messages = self.messages(door, &cases).await?;
        if closely {
            look.sights = self.sights(door, subjects, &cases).await?;
            look.looked = true;
            // Looking is itself written down.
            look.mark = self.heads(door).await?.mark + &format!(" {}", wanted.join(" "));
        } else if let Some(before) = before {
            look.sights.clone_from(&before.sights);
        }
        Ok(look)
    }

    async fn heads(&self, door: &Door) -> Result<CityLook, Status> {
        let mut desk = self.desk(door)?;
        let status = desk.status(asked(&door.window, wire::StatusRequest {})?).await?.into_inner();
        let list = wire::ListCasesRequest { most: 1, ..wire::ListCasesRequest::default() };
        let list = desk.list_cases(asked(&door.window, list)?).await?.into_inner();
        let (log, local) = (status.exchange.unwrap_or_default(), status.local.unwrap_or_default());
        let mark = format!(
            "{} {} {} {} {}",
            log.root,
            local.size,
            status.letters_waiting,
            list.awaiting,
            list.cases.len()
        );
        Ok(CityLook {
            mark,
            log_size: log.size,
            log_root: log.root,
            checkpoint: log.checkpoint,
            letters_waiting: status.letters_waiting,
            awaiting: list.awaiting,
            ..CityLook::default()
        })
    }

    async fn cases(&self, door: &Door) -> Result<Vec<wire::CaseLine>, Status> {
        let mut all: BTreeMap<String, wire::CaseLine> = BTreeMap::new();
        let mut after = String::new();
        loop {
            let list = wire::ListCasesRequest { after, most: 500, ..Default::default() };
            let page = self.desk(door)?.list_cases(asked(&door.window, list)?).await?.into_inner();
            for line in page.cases {
                // A case whose legs are due on several days stands in the queue several times.
                match all.entry(line.case_number.clone()) {
                    Entry::Vacant(free) => drop(free.insert(line)),
                    Entry::Occupied(mut held) => held.get_mut().legs.extend(line.legs),
                }
            }
            if page.next.is_empty() {
                return Ok(all.into_values().collect());
            }
            after = page.next;
        }
    }

    async fn show(
        &self,
        door: &Door,
        token: &str,
        case: &str,
        purpose: &str,
    ) -> Result<wire::CaseView, Status> {
        let case_number = case.to_owned();
        let ask = wire::CaseRef { case_number, purpose: purpose.to_owned(), sections: false };
        Ok(self.desk(door)?.show_case(asked(token, ask)?).await?.into_inner())
    }

    async fn messages(
        &self,
        door: &Door,
        cases: &[&wire::CaseLine],
    ) -> Result<Vec<MessageLook>, Status> {
        let mut all = Vec::new();
        for case in cases {
            let view = self.show(door, &door.window, &case.case_number, "").await?;
            for leg in &view.legs {
                let service = leg.line.as_ref().map_or(Service::Unspecified, |line| line.service());
                all.extend(leg.messages.iter().map(|message| {
                    let (status, good) = standing(&message.status);
                    let kind = format!("MESSAGE_TYPE_{}", message.r#type);
                    MessageLook {
                        at_ms: message.created_unix_ms,
                        arrived: message.from != door.id,
                        kind: words::message(MessageType::from_str_name(&kind).unwrap_or_default()),
                        service: words::service(service),
                        case: case.case_number.clone(),
                        status,
                        good,
                    }
                }));
            }
        }
        all.sort_by_key(|message| std::cmp::Reverse(message.at_ms));
        all.truncate(MESSAGES);
        Ok(all)
    }

    /// Asks every office of a city for every case, and looks for the subjects in what it shows.
    async fn sights(
        &self,
        door: &Door,
        subjects: &[Subject],
        cases: &[&wire::CaseLine],
    ) -> Result<Vec<SightLine>, Status> {
        let here: Vec<&Subject> =
            subjects.iter().filter(|subject| subject.cities.contains(&door.id)).collect();
        let mut seen: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (at, office) in door.offices.iter().enumerate() {
            for case in cases {
                // Not every office has a leg in every case.
                let shown = self.show(door, &office.token, &case.case_number, PURPOSE).await;
                let Ok(view) = shown else { continue };
                for field in view.legs.iter().flat_map(|leg| &leg.fields) {
                    for (which, _) in
                        here.iter().enumerate().filter(|(_, s)| s.needle == field.value)
                    {
                        seen.entry(which).or_default().insert(at);
                    }
                }
            }
        }
        let lines = here.iter().enumerate().map(|(which, subject)| {
            let offices = seen.get(&which).into_iter().flatten().map(|at| &door.offices[*at]);
            let offices: Vec<[String; 2]> =
                offices.map(|office| [office.zh.clone(), office.en.clone()]).collect();
            let sight = match offices.is_empty() {
                false => Sight::Seen(offices),
                true if subject.erased_in.contains(&door.id) => Sight::Erased,
                true => Sight::Never,
            };
            SightLine { name: subject.name.clone(), sight }
        });
        Ok(lines.collect())
    }
}

fn asked<T>(token: &str, message: T) -> Result<Request<T>, Status> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse();
    let value = value.map_err(|_| Status::internal("the token has a wrong form"))?;
    request.metadata_mut().insert("authorization", value);
    Ok(request)
}

const TO_TAKE_UP: Word = Word { zh: "待受理", en: "to be taken up" };
const DRAFT: Word = Word { zh: "草稿，未发出", en: "drafts, not sent" };

fn stages(cases: &[wire::CaseLine]) -> Vec<StageLine> {
    let order: Vec<Word> = [DRAFT].into_iter().chain(LegStage::ALL.map(words::stage)).collect();
    // Whoever received an application has not “sent” it.
    let word = |at: usize, leg: &wire::LegLine| {
        if leg.stage == "OFFERED" && leg.our_side == "examiner" { TO_TAKE_UP } else { order[at] }
    };
    let mut found: BTreeMap<usize, StageLine> = BTreeMap::new();
    for case in cases {
        for leg in &case.legs {
            let at = order.iter().position(|word| word.en == leg.stage);
            let at = if leg.stage == "DRAFT" { Some(0) } else { at };
            let Some(at) = at else { continue };
            let empty = StageLine { stage: word(at, leg), count: 0, due: 0, legs: Vec::new() };
            let line = found.entry(at).or_insert(empty);
            line.count += 1;
            if leg.due_date > 0 && (line.due == 0 || leg.due_date < line.due) {
                line.due = leg.due_date;
            }
            if at > 0 {
                let service = words::service(leg.service());
                line.legs.push((case.case_number.clone(), service, leg.due_date));
            }
        }
    }
    found.into_values().collect()
}

/// What a clerk reads of the state of a message, and whether all is well with it.
fn standing(status: &str) -> (Word, bool) {
    match status {
        "stored" => (Word { zh: "存证正常", en: "on record" }, true),
        "provisional" => (Word { zh: "等待对方回执", en: "waiting for the receipt" }, false),
        "withheld" => {
            (Word { zh: "存证正常，未附身份信息", en: "on record, without identity" }, true)
        }
        _ => (Word { zh: "对方未接受", en: "not taken in" }, false),
    }
}
