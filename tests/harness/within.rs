//! One city whose offices hand cases to each other: named in its configuration, with desks of their
//! own.

#![allow(clippy::unwrap_used)] // a helper that cannot go on ends the test

use crate::people;
use crate::town::{LABOUR, MEDICAL, SCHOOLS, Town, UNION, WINDOW};
use crate::world::{Hands, Seeded};
use jieli_node::command::DeskCommand;
use jieli_node::config::Database;
use jieli_node::tokens;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, MessageType};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// The labour office that sends.
pub const LABOUR_HERE: &str = LABOUR[0];
/// The labour office of a district of the same city.
pub const DISTRICT: &str = "11999999MB0000701Q";
/// Its housing office, which answers to the labour office that sends.
pub const HOUSING: &str = "11999999MB0000727D";
/// The education office of another district.
pub const SCHOOLS_TOO: &str = "11999999MB0000759N";
/// Name of the window token of the office for housing.
pub const FAR_WINDOW: &str = "housing-window";

/// Credit code, kind, name.
const OFFICES: [[&str; 3]; 8] = [
    [LABOUR_HERE, "labour", "昆明市人力资源和社会保障局"],
    [DISTRICT, "labour", "盘龙区人力资源和社会保障局"],
    [SCHOOLS[0], "education", "昆明市教育体育局"],
    [MEDICAL[0], "medical-security", "昆明市医疗保障局"],
    [HOUSING, "housing", "昆明市住房保障中心"],
    [SCHOOLS_TOO, "education", "昆明市呈贡区教育体育局"],
    [UNION[0], "trade-union", "昆明市总工会"],
    [WINDOW[0], "coordination", "昆明市综合服务窗口"],
];

/// Name, role, office, and the office it answers to.
const TOKENS: [[&str; 4]; 8] = [
    ["district", "clerk", DISTRICT, ""],
    ["district-window", "window", DISTRICT, ""],
    ["school-clerk", "clerk", SCHOOLS[0], ""],
    ["school-clerk-2", "clerk", SCHOOLS_TOO, ""],
    ["school-window", "window", SCHOOLS[0], ""],
    ["medical-clerk", "clerk", MEDICAL[0], ""],
    ["housing-clerk", "clerk", HOUSING, ""],
    [FAR_WINDOW, "window", HOUSING, LABOUR_HERE],
];

/// Names the offices of a stopped city and their desks in its configuration.
pub fn give_offices(town: &Town) {
    let file = town.dir.join("jieli.toml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    let entropy = Seeded::new(9);
    for [code, kind, name] in OFFICES {
        writeln!(
            text,
            "\n[[office]]\ncredit_code = \"{code}\"\nkind = \"{kind}\"\nname = \"{name}\"\n\
             telephone = \"0871-60000000\""
        )
        .unwrap();
    }
    for [name, role, office, above] in TOKENS {
        let above = if above.is_empty() { String::new() } else { format!("\"{above}\"") };
        writeln!(
            text,
            "\n[[desk.tokens]]\nname = \"{name}\"\nrole = \"{role}\"\noffice = \"{office}\"\n\
             answers_to = [{above}]"
        )
        .unwrap();
        tokens::make(&town.dir, name, &entropy).unwrap();
    }
    std::fs::write(&file, text).unwrap();
}

/// A city without a peer.
#[derive(Debug)]
pub struct Within {
    /// The city.
    pub town: Town,
    /// Its clock.
    pub clock: Arc<Hands>,
    _folder: TempDir,
}

impl Within {
    /// With its offices named, and started.
    pub async fn new(database: Database) -> Within {
        let folder = TempDir::new().unwrap();
        let clock = Hands::start();
        let mut town = Town::new(folder.path(), 0, database, &clock);
        give_offices(&town);
        town.start().await;
        Within { town, clock, _folder: folder }
    }

    /// To 09:05 of the next working day.
    pub fn next_working_day(&self) {
        self.clock.next_working_day(&self.town.node().house().calendar(), 9, 5);
    }

    /// The first job of the roster, to the district's labour office; its case.
    pub async fn job(&self) -> String {
        self.job_of(LABOUR_HERE).await
    }

    /// The same, begun by another office.
    pub async fn job_of(&self, office: &str) -> String {
        let mut vacancies = people::vacancies();
        vacancies.iter_mut().for_each(|vacancy| vacancy.city = "昆明".to_owned());
        let add = wire::AddVacanciesRequest { vacancies, announce: false, change: false };
        self.town.desk_of(DISTRICT, DeskCommand::AddVacancies(add)).await.unwrap();
        let mut draft = people::single(1).remove(0);
        draft.city = "昆明市".to_owned();
        self.town.import_as(office, vec![draft]).await.remove(0)
    }

    /// A child's school place, to the education office; its case.
    pub async fn school(&self) -> String {
        self.town.import(vec![school()]).await.remove(0)
    }

    /// A step of an office, once the notice that it waits for has gone out.
    pub async fn acts(&self, office: &str, leg: LegId, act: Act) {
        let mut last = String::new();
        for _ in 0..200 {
            match self.town.act_of(office, leg, act.clone()).await {
                Ok(_) => return,
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{last}");
    }

    /// Waits until a leg holds a message of a type.
    pub async fn holds(&self, leg: LegId, ty: MessageType) {
        self.town.holds(leg, ty).await;
    }

    /// Size of the exchange log, and rows that only exchanges leave.
    pub async fn exchanged(&self) -> (u64, i64) {
        let size = self.town.node().hand().published().exchange.size;
        let sql = "SELECT (SELECT COUNT(*) FROM envelope) + (SELECT COUNT(*) FROM outbox) \
                   + (SELECT COUNT(*) FROM lane) + (SELECT COUNT(*) FROM receipt_item)";
        (size, self.town.count(sql).await)
    }
}

/// A row of the roster with a school place alone, within the city.
fn school() -> wire::Draft {
    let mut draft = people::row(people::FAMILY);
    draft.legs.retain(|leg| leg.service() == wire::Service::Schooling);
    draft.city = "kunming.yn".to_owned();
    draft
}
