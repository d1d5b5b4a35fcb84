//! What the product is for, told from beginning to end with fictional persons. Stories that another
//! file tells are not told again: the labour agreement with all that follows (`road`), many
//! agreements beside each other (`agreements`).

use jieli_node::command::DeskCommand;
use jieli_node::tokens;
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, DecisionCode, Duty, MessageType, Service};
use jieli_tests::people::{self, FAMILY};
use jieli_tests::{
    HOUR_MS, HOUSING, LABOUR_HERE, SCHOOLS, Seeded, Town, Towns, Within, eventually, sqlite,
};
use std::collections::BTreeSet;
use std::fmt::Write as _;

const DAY_MS: u64 = 24 * HOUR_MS;
/// Of the question whether something is done.
const DONE: &str = "说已办成";

fn take_up() -> Act {
    Act::TakeUp(wire::DeskTakeUp {})
}

fn accept() -> Act {
    Act::Accept(wire::DeskAccept::default())
}

/// What is done at the provider and confirmed by the person.
async fn done_and_confirmed(city: &Within, case: &str, leg: LegId, office: &str) {
    let service = city.town.leg(leg).await.service;
    let before = city.town.phones.about(case, DONE).len();
    city.acts(office, leg, Act::Outcome(people::outcome(service, ""))).await;
    city.town.reaches(leg, Stage::Fulfilled).await;
    let is_new = async || city.town.phones.about(case, DONE).len() > before;
    eventually("the question whether it is done", is_new).await;
    let asked = city.town.sms(case, DONE).await;
    city.town.answer(&asked, &[1]).await.unwrap();
    city.town.reaches(leg, Stage::Completed).await;
}

/// One application, three items: each goes its own way, all were filed at one moment; and what was
/// done is closed by the person alone, however long that takes.
#[tokio::test(flavor = "multi_thread")]
async fn one_application_becomes_items_that_stand_alone_and_only_the_person_closes_them() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![people::row(FAMILY)]).await.remove(0);
    kunming.ask_yes(&case).await;
    towns.next_working_day();
    let mut legs = Vec::new();
    for service in [Service::Employment, Service::Schooling, Service::Housing] {
        let leg = kunming.leg_for(&case, service).await;
        kunming.reaches(leg, Stage::Offered).await;
        ruian.reaches(leg, Stage::Offered).await;
        legs.push(leg);
    }
    // One household on the desk of the other city, with its three items side by side.
    let queue = ruian.queue("window", wire::ListCasesRequest::default()).await;
    let cases: BTreeSet<&str> = queue.cases.iter().map(|case| case.case_number.as_str()).collect();
    let items: usize = queue.cases.iter().map(|case| case.legs.len()).sum();
    assert_eq!((cases.len(), items), (1, 3));
    let [job, school, home] = legs.try_into().unwrap();
    // Each its own way: the school is full, the home is given, the job is not decided yet.
    towns.ruian_acts(school, take_up()).await;
    let decision = DecisionCode::Capacity.into();
    let full = wire::DeskDecline { decision, ..wire::DeskDecline::default() };
    towns.ruian_acts(school, Act::Decline(full)).await;
    towns.ruian_accepts(home).await;
    ruian.reaches(home, Stage::Released).await;
    towns.ruian_reports(home).await;
    kunming.reaches(home, Stage::Fulfilled).await;
    kunming.reaches(school, Stage::Declined).await;
    assert_eq!(kunming.stage(job).await, Some(Stage::Offered));
    // No desk has a step that says in the person's place that it is done.
    for town in [kunming, ruian] {
        let steps = town.view(home).await.next;
        assert!(!steps.iter().any(|step| step.contains("complete")), "{steps:?}");
    }
    // The person says nothing for two months: the fact stands, and nobody is said to have confirmed.
    towns.clock.move_on(60 * DAY_MS);
    towns.settled().await;
    for town in [kunming, ruian] {
        assert_eq!(town.stage(home).await, Some(Stage::Fulfilled));
        assert!(!town.types(home).await.contains(&MessageType::Complete));
    }
    // The city that gave the home may stop waiting: that is no confirmation, and is never counted as one.
    let duty = Duty::Complete.into();
    towns.ruian_acts(home, Act::Remind(wire::DeskRemind { duty })).await;
    ruian.receipted(home).await;
    towns.ruian_acts(home, Act::Expire(wire::DeskExpire { duty })).await;
    kunming.reaches(home, Stage::Unconfirmed).await;
    // Who comes to a window later confirms there, and nobody in that person's place.
    let worker = people::row(FAMILY).worker.unwrap();
    let asked = kunming.sit("union", &case, &worker, false).await.unwrap();
    assert_eq!(asked.items.len(), 1, "{asked:?}");
    kunming.types_in("union", &asked, &[1], "").await.unwrap();
    for town in [kunming, ruian] {
        town.reaches(home, Stage::Completed).await;
    }
    towns.stop().await;
}

/// A fair with sixty posts: announced at once, no person in any of it; a referral cites one, and a
/// post that is closed is asked about no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_fair_is_announced_and_a_referral_cites_one_of_its_posts() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let before = kunming.count("SELECT COUNT(*) FROM vacancy").await;
    let pattern = people::vacancies().remove(0);
    let of_fair = |number: u32| {
        let mut vacancy = pattern.clone();
        vacancy.city = String::new();
        vacancy.terms.as_mut().unwrap().reference = format!("FAIR-2026-{number:02}");
        vacancy
    };
    let vacancies: Vec<wire::Vacancy> = (1..=60).map(of_fair).collect();
    let add = wire::AddVacanciesRequest { vacancies, announce: true, change: false };
    ruian.desk(DeskCommand::AddVacancies(add)).await.unwrap();
    eventually("the fair", async || {
        kunming.count("SELECT COUNT(*) FROM vacancy").await == before + 60
    })
    .await;
    assert_eq!(towns.sent().await, 0, "nobody is spoken of");
    let mut drafts = people::single(2);
    for (draft, cited) in drafts.iter_mut().zip(["FAIR-2026-07", "FAIR-2026-08"]) {
        let fields = &mut draft.legs[0].fields;
        let reference = fields.iter_mut().find(|field| (field.section, field.field) == (1, 1));
        reference.unwrap().value = Some(wire::draft_field::Value::Text(cited.to_owned()));
    }
    let cases = kunming.import(drafts).await;
    let sms = kunming.ask_yes(&cases[0]).await;
    assert!(sms.text.contains("瑞安"), "{}", sms.text);
    towns.next_working_day();
    let leg = kunming.legs(&cases[0]).await[0].id;
    ruian.reaches(leg, Stage::Offered).await;
    let there = ruian.case_of(&ruian.leg(leg).await).await;
    let offer = ruian.case_seen("clerk", &there, "test").await.unwrap();
    let fields = offer.legs.iter().flat_map(|leg| &leg.fields);
    let values: Vec<&str> = fields.map(|field| field.value.as_str()).collect();
    assert!(values.iter().any(|value| value.contains("FAIR-2026-07")), "{values:?}");
    // The other post is closed before its worker was asked.
    let mut closed = of_fair(8);
    closed.valid_until = 20_261_101;
    let change =
        wire::AddVacanciesRequest { vacancies: vec![closed], announce: true, change: true };
    ruian.desk(DeskCommand::AddVacancies(change)).await.unwrap();
    let sql = "SELECT COUNT(*) FROM vacancy WHERE valid_until = 20261101";
    eventually("the post to be closed", async || kunming.count(sql).await == 1).await;
    let reply = kunming.ask(std::slice::from_ref(&cases[1])).await;
    assert_eq!(reply.asked, 0, "{reply:?}");
    assert!(kunming.phones.about(&cases[1], "逐项回答").is_empty());
    towns.stop().await;
}

/// An office of one laptop, switched off every evening and between any two steps: what comes
/// meanwhile waits at the other city, what was begun goes on in the morning, nothing is said twice.
#[tokio::test(flavor = "multi_thread")]
async fn an_office_of_one_laptop_is_switched_off_between_any_two_steps() {
    let mut towns = Towns::new().await;
    let case = towns.kunming.import(vec![people::home(1)]).await.remove(0);
    off_and_on(&mut towns.kunming).await;
    let sms = {
        assert_eq!(towns.kunming.ask(std::slice::from_ref(&case)).await.asked, 1);
        towns.kunming.sms(&case, "逐项回答").await
    };
    off_and_on(&mut towns.kunming).await;
    towns.kunming.answer(&sms, &[1]).await.unwrap();
    let leg = towns.kunming.leg_for(&case, Service::Housing).await;
    towns.ruian.reaches(leg, Stage::Offered).await;
    // Ruian decides at night, over a week-end.
    towns.kunming.stop().await;
    towns.ruian_acts(leg, take_up()).await;
    towns.ruian_acts(leg, accept()).await;
    towns.clock.move_on(60 * HOUR_MS);
    towns.kunming.start().await;
    towns.next_working_day();
    towns.ruian.reaches(leg, Stage::Released).await;
    off_and_on(&mut towns.kunming).await;
    towns.kunming.stop().await;
    towns.ruian_reports(leg).await;
    towns.kunming.start().await;
    towns.next_working_day();
    towns.kunming.reaches(leg, Stage::Fulfilled).await;
    let asked = towns.kunming.sms(&case, DONE).await;
    off_and_on(&mut towns.kunming).await;
    towns.kunming.answer(&asked, &[1]).await.unwrap();
    towns.ruian.reaches(leg, Stage::Completed).await;
    towns.settled().await;
    let mut said = towns.ruian.types(leg).await;
    said.retain(|ty| *ty != MessageType::Remind);
    let once: BTreeSet<i32> = said.iter().map(|ty| *ty as i32).collect();
    assert_eq!(once.len(), said.len(), "everything was said once: {said:?}");
    towns.stop().await;
}

async fn off_and_on(town: &mut Town) {
    town.stop().await;
    town.start().await;
}

/// Families moved within one city: a school place and a home each, handed over between its own
/// offices. Every office sees its own items alone, and no byte leaves the city.
#[tokio::test(flavor = "multi_thread")]
async fn relocated_families_are_served_within_their_city() {
    let city = Within::new(sqlite()).await;
    let (town, before) = (&city.town, city.exchanged().await);
    let mut family = people::row(FAMILY);
    family.legs.retain(|leg| leg.service() != Service::Employment);
    family.city = "昆明市".to_owned();
    let families: Vec<wire::Draft> = (1..=4)
        .map(|serial| {
            let mut draft = family.clone();
            draft.row = serial;
            draft.worker = Some(people::person(serial));
            for leg in draft.legs.iter_mut().filter(|leg| leg.person.is_some()) {
                let number = people::person_born(100 + serial, 2015).number;
                leg.person.as_mut().unwrap().number = number;
            }
            draft
        })
        .collect();
    let cases = town.import(families).await;
    for case in &cases {
        town.ask_yes(case).await;
    }
    for case in &cases {
        let school = town.leg_for(case, Service::Schooling).await;
        let home = town.leg_for(case, Service::Housing).await;
        for (leg, office, token, other) in
            [(school, SCHOOLS[0], "school-clerk", home), (home, HOUSING, "housing-clerk", school)]
        {
            city.acts(office, leg, take_up()).await;
            city.acts(office, leg, accept()).await;
            town.reaches(leg, Stage::Released).await;
            let seen = town.case_seen(token, case, "test").await.unwrap();
            let numbers: Vec<u32> =
                seen.legs.iter().filter_map(|leg| Some(leg.line.as_ref()?.number)).collect();
            assert_eq!(numbers, [town.leg(leg).await.number], "its own item alone");
            assert!(town.act_of(office, other, take_up()).await.is_err());
            done_and_confirmed(&city, case, leg, office).await;
        }
    }
    assert_eq!(city.exchanged().await, before, "nothing of it is exchanged");
    assert_eq!(town.alarms().await, Vec::<String>::new());
    let mut town = city.town;
    town.stop().await;
}

/// A credit code of eighteen characters with its check character (GB 32100).
pub(crate) fn credit_code(body: &str) -> String {
    const LETTERS: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    const WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
    let sum: usize =
        body.chars().zip(WEIGHTS).map(|(c, weight)| LETTERS.find(c).unwrap() * weight).sum();
    let check = LETTERS.as_bytes()[(31 - sum % 31) % 31] as char;
    format!("{body}{check}")
}

/// A city with eighty-four stations, each an office under the labour office: what a station takes in
/// is seen there and at the office that decides, and by no other station.
#[tokio::test(flavor = "multi_thread")]
async fn eighty_four_stations_of_one_city_see_each_their_own() {
    const STATIONS: u32 = 84;
    let mut city = Within::new(sqlite()).await;
    city.town.stop().await;
    let file = city.town.dir.join("jieli.toml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    let entropy = Seeded::new(84);
    let stations: Vec<(String, String)> = (1..=STATIONS)
        .map(|number| {
            (format!("station-{number}"), credit_code(&format!("11999999MC{number:04}000")))
        })
        .collect();
    for (name, code) in &stations {
        write!(
            text,
            "\n[[office]]\ncredit_code = \"{code}\"\nkind = \"labour\"\nname = \"{name} 站\"\n\
             telephone = \"0871-60000000\"\n\n[[desk.tokens]]\nname = \"{name}\"\nrole = \"clerk\"\n\
             office = \"{code}\"\nanswers_to = [\"{}\"]\n",
            LABOUR_HERE
        )
        .unwrap();
        tokens::make(&city.town.dir, name, &entropy).unwrap();
    }
    std::fs::write(&file, text).unwrap();
    city.town.start().await;
    let town = &city.town;
    let mut cases = Vec::new();
    for (at, (_, code)) in stations.iter().enumerate() {
        let mut draft = people::home(at as u32 + 1);
        draft.city = "昆明市".to_owned();
        cases.push(town.import_as(code, vec![draft]).await.remove(0));
    }
    for case in &cases {
        town.ask_yes(case).await;
    }
    let everything = wire::ListCasesRequest { most: 200, ..wire::ListCasesRequest::default() };
    eventually("all at the office that decides", async || {
        town.queue("housing-clerk", everything.clone()).await.cases.len() == STATIONS as usize
    })
    .await;
    for (at, (token, _)) in stations.iter().enumerate() {
        let own = town.queue(token, everything.clone()).await;
        let numbers: Vec<&str> = own.cases.iter().map(|case| case.case_number.as_str()).collect();
        assert_eq!(numbers, [cases[at].as_str()], "{token}");
        let next = &cases[(at + 1) % cases.len()];
        assert!(town.case_seen(token, next, "test").await.is_err(), "{token} reads {next}");
    }
    let mut town = city.town;
    town.stop().await;
}

/// Spring: a sheet every day of a week, everybody asked. What travels is what some workers said yes
/// to; of the others nothing leaves, and two weeks later nothing is left. `JIELI_SPRING_ROWS=2000`
/// makes them ten thousand.
#[tokio::test(flavor = "multi_thread")]
async fn a_spring_of_drafts_sends_what_was_answered_with_yes() {
    const SHEETS: u32 = 5;
    const YES: usize = 8;
    let rows = std::env::var("JIELI_SPRING_ROWS").ok().and_then(|text| text.parse().ok());
    let rows: u32 = rows.unwrap_or(80);
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let mut offered = 0;
    for sheet in 0..SHEETS {
        let drafts: Vec<wire::Draft> = (0..rows).map(|row| spring(sheet * rows + row)).collect();
        let cases = kunming.import(drafts).await;
        assert_eq!(kunming.ask(&cases).await.asked as usize, cases.len());
        let told = (sheet + 1) as usize * rows as usize;
        falls_to(0, async || told as i64 - kunming.phones.all().len() as i64).await;
        for case in cases.iter().step_by(rows as usize / YES) {
            let sms = kunming.sms(case, "逐项回答").await;
            kunming.answer(&sms, &[1]).await.unwrap();
            offered += 1;
        }
        let sent = offered;
        eventually("the offers of the day", async || {
            ruian.count("SELECT COUNT(*) FROM leg").await == sent
        })
        .await;
        towns.next_working_day();
    }
    assert_eq!(towns.sent().await as i64, offered, "an OFFER for every yes, and nothing else");
    towns.clock.move_on(15 * DAY_MS);
    let sql = "SELECT COUNT(DISTINCT leg_id) FROM section_data";
    falls_to(offered, async || kunming.count(sql).await).await;
    assert_eq!(ruian.count("SELECT COUNT(*) FROM leg").await, offered);
    towns.stop().await;
}

/// Waits until a number has fallen to another one, as long as it keeps falling.
async fn falls_to(wanted: i64, mut number: impl AsyncFnMut() -> i64) {
    let mut last = i64::MAX;
    while last > wanted {
        let before = last;
        eventually("the number to fall", async || {
            last = number().await;
            last < before
        })
        .await;
    }
}

/// One of ten thousand people, each with a telephone of the own.
fn spring(number: u32) -> wire::Draft {
    let mut draft = people::home(number + 1);
    let worker = people::person_born(number % 250, 1960 + number / 250);
    draft.worker = Some(wire::DraftPerson { phone: format!("199{number:08}"), ..worker });
    draft
}
