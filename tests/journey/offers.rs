//! What a desk is offered is what is accepted, in every state that a walk comes to.

use jieli_node::command::DeskCommand;
use jieli_node::writer::Failure;
use jieli_proto::bundle::{exit_code, verify};
use jieli_proto::case::{Side, Stage};
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::draft_field::Value;
use jieli_proto::wire::{self, DecisionCode, DraftField, ReturnCode, Service, VoidCode};
use jieli_tests::people::{self, home};
use jieli_tests::{
    AGREEMENT_DRAFT, HOUR_MS, Random, TestPg, Town, Towns, WINDOW_TOKEN, eventually,
};
use std::collections::BTreeSet;

const MINUTE_MS: u64 = 60_000;

/// Every act with values that nothing can be said against, by its word.
fn acts(service: Service, today: u64, used: &BTreeSet<u32>) -> Vec<(&'static str, Act)> {
    let number =
        |section, field, value| DraftField { section, field, value: Some(Value::Number(value)) };
    let later = u32::try_from(today).unwrap();
    let decision: i32 = DecisionCode::Capacity.into();
    let mut outcome = people::outcome(service, "0");
    outcome.not_realised = 0;
    let undone = wire::DeskOutcome { not_realised: decision, ..Default::default() };
    let (stated, result) = match service {
        Service::Housing => (number(3, 2, 4), number(36, 3, 6)),
        Service::Insurance => (number(20, 4, 390), number(35, 2, 390)),
        Service::Employment
        | Service::Schooling
        | Service::SchoolRecord
        | Service::FundTransfer
        | Service::Unspecified => (number(1, 4, 3), number(32, 2, 2)),
    };
    let correct = |field| {
        Act::Correct(wire::DeskCorrect { fields: vec![field], terms: false, ..Default::default() })
    };
    let ground = (1..=10).find(|ground| !used.contains(ground)).unwrap_or(1);
    vec![
        ("take-up", Act::TakeUp(wire::DeskTakeUp {})),
        ("accept", Act::Accept(wire::DeskAccept { slot_until: later, window: None })),
        ("clarify", Act::Clarify(wire::DeskClarify { ground, window: None })),
        ("supply", Act::Supply(wire::DeskSupply { fields: Vec::new(), at_window: true })),
        ("waitlist", Act::Waitlist(wire::DeskWaitlist { until: later, band: 1 })),
        ("decline", Act::Decline(wire::DeskDecline { decision, ..Default::default() })),
        ("progress", Act::Progress(wire::DeskProgress { step: 1 })),
        ("outcome", Act::Outcome(outcome)),
        ("outcome", Act::Outcome(undone)),
        ("correct", correct(stated)),
        ("correct", correct(result)),
        (
            "correct",
            Act::Correct(wire::DeskCorrect {
                fields: Vec::new(),
                terms: true,
                ..Default::default()
            }),
        ),
        ("return", Act::Return(wire::DeskReturn { code: ReturnCode::FamilyLeaves.into() })),
        ("void", Act::Void(wire::DeskVoid { code: VoidCode::SentInError.into() })),
        ("cover", Act::Cover(wire::DeskCover { covered_from: later })),
        ("remind", Act::Remind(wire::DeskRemind { duty: 0 })),
        ("expire", Act::Expire(wire::DeskExpire { duty: 0 })),
    ]
}

/// Compares what is offered with what is accepted; what is accepted is undone. Returns it.
async fn compared(towns: &Towns, town: &Town, leg: LegId) -> Vec<(&'static str, Act)> {
    let file = town.leg(leg).await;
    let calendar = towns.calendar();
    let now = jieli_node::world::Clock::now_unix_ms(towns.clock.as_ref());
    let later = calendar.add_working_days(calendar.day_of_unix_ms(now), 6);
    let later = u64::from(later.number());
    let offered = town.view(leg).await.next;
    let mut accepted = Vec::new();
    for (step, act) in acts(file.service, later, &file.law.state().grounds) {
        match town.act(leg, act.clone()).await {
            Ok(_) => {
                town.undo(leg).await.unwrap();
                accepted.push((step, act));
            }
            Err(Failure::Denied(denied)) => {
                assert!(!denied.zh.is_empty() && !denied.en.is_empty(), "{step}");
            }
            Err(Failure::Busy(what)) => panic!("{what}"),
        }
    }
    let words: BTreeSet<&str> = accepted.iter().map(|(step, _)| *step).collect();
    let mut offered: BTreeSet<&str> = offered.iter().map(String::as_str).collect();
    // The person may stop until it was stopped; nobody tries that here.
    assert_eq!(offered.remove("withdraw"), !file.law.state().stop.any());
    let (stage, side) = (file.law.state().stage, file.our_side);
    assert_eq!(offered, words, "{:?} {stage:?} {side:?}", file.service);
    accepted
}

async fn walk(towns: &Towns, leg: LegId, random: &mut Random, seen: &mut BTreeSet<Stage>) {
    for _ in 0..9 {
        let mut open = Vec::new();
        for town in [&towns.kunming, &towns.ruian] {
            let accepted = compared(towns, town, leg).await;
            seen.insert(town.leg(leg).await.law.state().stage);
            // Of the acts that end a leg only some are taken, so that walks are long.
            let ends = |step: &str| {
                matches!(step, "decline" | "void" | "return" | "expire" | "outcome" | "correct")
            };
            let short = random.below(5) > 0;
            open.extend(
                accepted.into_iter().filter(|(step, _)| !(short && ends(step))).map(|a| (town, a)),
            );
        }
        if open.is_empty() {
            return;
        }
        let at = usize::try_from(random.below(open.len() as u64)).unwrap();
        let (town, (_, act)) = open.swap_remove(at);
        town.act(leg, act).await.unwrap();
        towns.clock.move_on(6 * MINUTE_MS);
        town.nothing_pends().await;
        towns.quiet().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_offered_is_what_is_accepted() {
    let towns = Towns::new().await.with_undo(5).await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let cases = kunming.import((1..=5).map(home).collect()).await;
    let mut legs = Vec::new();
    for case in &cases {
        kunming.ask_yes(case).await;
        legs.push(kunming.legs(case).await[0].id);
    }
    let jobs = kunming.import(people::single(1)).await;
    kunming.ask_yes(&jobs[0]).await;
    legs.push(kunming.legs(&jobs[0]).await[0].id);
    let medical = towns.pull_medical().await;
    ruian.ask_yes(&medical).await;
    legs.push(ruian.legs(&medical).await[0].id);
    towns.next_working_day();
    for leg in &legs {
        for town in [kunming, ruian] {
            eventually("the leg", async || town.stage(*leg).await.is_some()).await;
        }
    }
    towns.quiet().await;
    let (mut random, mut seen) = (Random::new(20_261_121), BTreeSet::new());
    for leg in &legs {
        walk(&towns, *leg, &mut random, &mut seen).await;
    }
    assert!(seen.len() >= 7, "{seen:?}");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_and_a_correction_asks_for_a_new_decision() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![home(1)]).await.remove(0);
    kunming.ask_yes(&case).await;
    let leg = kunming.legs(&case).await[0].id;
    towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    let window = wire::Window { telephone: "0577-1".to_owned(), ..Default::default() };
    let ask = |ground, bring| {
        let window = Some(wire::Window { bring, ..window.clone() });
        Act::Clarify(wire::DeskClarify { ground, window })
    };
    let denied = |result: Result<wire::ActReply, Failure>| {
        let Err(Failure::Denied(denied)) = result else { panic!("{result:?}") };
        denied
    };
    assert!(denied(ruian.act(leg, ask(99, vec![])).await).en.contains("--ground"));
    assert!(denied(ruian.act(leg, ask(3, vec![99])).await).en.contains("--bring"));
    ruian.act(leg, ask(3, vec![3, 1])).await.unwrap();
    towns.quiet().await;
    // Kunming's desk reads where the person goes, and what to bring, in words.
    let told = kunming.view(leg).await.window.unwrap();
    assert_eq!((told.telephone.as_str(), told.bring.as_slice()), ("0577-1", &[1, 3][..]));
    assert_eq!(told.bring_en, ["ID card or passport", "residence permit or registration"]);
    assert_eq!(kunming.desk_view(leg).await.turn, "ours");
    let field =
        |section, field, value| DraftField { section, field, value: Some(Value::Number(value)) };
    let supply = |fields, at_window| Act::Supply(wire::DeskSupply { fields, at_window });
    assert!(denied(kunming.act(leg, supply(vec![], false)).await).en.contains("--at-window"));
    kunming.act(leg, supply(vec![field(3, 2, 5)], false)).await.unwrap();
    towns.quiet().await;
    assert!(ruian.leg(leg).await.law.state().question.is_none());
    let again = denied(ruian.act(leg, ask(3, vec![])).await);
    assert!(again.zh.contains("同一理由") && again.en.contains("already asked"), "{again}");
    ruian.act(leg, Act::Accept(wire::DeskAccept::default())).await.unwrap();
    towns.quiet().await;
    kunming.reaches(leg, Stage::Released).await;
    // After RELEASE a correction reopens nothing; who the person is is not corrected here.
    let correct =
        |fields| Act::Correct(wire::DeskCorrect { fields, terms: false, ..Default::default() });
    kunming.act(leg, correct(vec![field(3, 2, 4)])).await.unwrap();
    assert_eq!(denied(kunming.act(leg, correct(vec![field(16, 6, 4)])).await).code, "NEEDS_PERSON");
    let clear = DraftField { section: 3, field: 2, value: None };
    assert!(denied(kunming.act(leg, correct(vec![clear])).await).en.contains("--clear"));
    towns.quiet().await;
    let file = ruian.leg(leg).await;
    assert_eq!((file.law.state().corrections, file.law.state().stage), (1, Stage::Released));
    assert_eq!(file.our_side, Side::Examiner);
    // A stranger who verifies it takes the answer and the correction as the cities did.
    let roots = [kunming, ruian].map(|town| town.public.root_fpr());
    for (town, number) in [(kunming, case.clone()), (ruian, ruian.case_of(&file).await)] {
        let zip = town.export(&number, true).await;
        let verdicts = verify(&zip, &roots);
        assert_eq!(exit_code(&verdicts), 0, "{verdicts:#?}");
    }
    for town in [kunming, ruian] {
        assert_eq!(town.alarms().await, Vec::<String>::new(), "nobody misbehaved");
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_stands_by_due_date_and_pages() {
    queue(Towns::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_stands_by_due_date_and_pages_on_postgres() {
    let (a, b) =
        (TestPg::create("queue_a").await.unwrap(), TestPg::create("queue_b").await.unwrap());
    queue(Towns::with(a.database(), b.database(), AGREEMENT_DRAFT).await).await;
}

async fn queue(towns: Towns) {
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let cases = kunming.import((1..=3).map(home).collect()).await;
    let mut legs = Vec::new();
    for case in &cases {
        kunming.ask_yes(case).await;
        legs.push(kunming.legs(case).await[0].id);
    }
    for leg in &legs {
        ruian.reaches(*leg, Stage::Offered).await;
    }
    towns.ruian_acts(legs[0], Act::TakeUp(wire::DeskTakeUp {})).await;
    towns.quiet().await;
    let ask = wire::ListCasesRequest::default;
    let list = ruian.queue(WINDOW_TOKEN, ask()).await;
    let due: Vec<u32> = list.cases.iter().flat_map(|c| &c.legs).map(|l| l.due_date).collect();
    assert_eq!(due.len(), 3);
    assert!(due.is_sorted() && due[0] < due[2], "{due:?}: to take up first, to decide later");
    let counts = list.counts.unwrap();
    assert_eq!((counts.overdue, counts.due_today, counts.ours, counts.theirs), (0, 0, 3, 0));
    assert_eq!(kunming.queue(WINDOW_TOKEN, ask()).await.counts.unwrap().theirs, 3);
    // Page by page, nothing twice and nothing left out.
    let (mut after, mut paged) = (String::new(), Vec::new());
    loop {
        let page =
            ruian.queue(WINDOW_TOKEN, wire::ListCasesRequest { most: 1, after, ..ask() }).await;
        paged.extend(page.cases.iter().flat_map(|c| &c.legs).map(|l| l.leg_id.clone()));
        after = page.next;
        if after.is_empty() {
            break;
        }
    }
    let all: Vec<_> = list.cases.iter().flat_map(|c| &c.legs).map(|l| l.leg_id.clone()).collect();
    assert_eq!(paged, all);
    // Two days later the first are due, then overdue.
    let only = |due: &str| wire::ListCasesRequest { due: due.to_owned(), ..ask() };
    let count = async |due: &str| {
        let list = ruian.queue(WINDOW_TOKEN, only(due)).await;
        list.cases.iter().map(|case| case.legs.len()).sum::<usize>()
    };
    assert_eq!((count("overdue").await, count("week").await), (0, 2));
    towns.next_working_day();
    towns.next_working_day();
    assert_eq!((count("overdue").await, count("today").await), (0, 2));
    let soon = ruian.queue(WINDOW_TOKEN, only("today")).await;
    assert_eq!(soon.cases[0].legs[0].desk.as_ref().unwrap().urgency, "due-soon");
    towns.next_working_day();
    assert_eq!((count("overdue").await, count("today").await), (2, 0));
    assert_eq!(ruian.queue(WINDOW_TOKEN, ask()).await.counts.unwrap().overdue, 2);
    let schools = wire::ListCasesRequest { service: Service::Schooling.into(), ..ask() };
    assert!(ruian.queue(WINDOW_TOKEN, schools).await.cases.is_empty());
    // Another office sees nothing of it, in the list or in the counts.
    let labour = ruian.queue("clerk", ask()).await;
    assert!(labour.cases.is_empty() && labour.counts.unwrap().ours == 0);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v04_corrected_terms_are_read_anew_and_the_old_question_ends_nothing() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(people::single(1)).await.remove(0);
    kunming.ask_yes(&case).await;
    towns.next_working_day();
    let leg = kunming.leg_for(&case, Service::Employment).await;
    towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    let calendar = towns.calendar();
    let now = jieli_node::world::Clock::now_unix_ms(towns.clock.as_ref());
    let slot = calendar.add_working_days(calendar.day_of_unix_ms(now), 12).number();
    let window = wire::Window { bring: vec![1], ..Default::default() };
    let accept = wire::DeskAccept { slot_until: slot, window: Some(window) };
    towns.ruian_acts(leg, Act::Accept(accept)).await;
    let first = kunming.sms(&case, "请至少看一天").await;
    assert!(first.text.contains("首问经办电话") && first.text.contains("请带：身份证件"));
    let terms =
        Act::Correct(wire::DeskCorrect { fields: Vec::new(), terms: true, ..Default::default() });
    let Err(Failure::Denied(same)) = ruian.act(leg, terms.clone()).await else { panic!() };
    assert_eq!(same.code, "TERMS_SAME");
    // The employer pays more; the vacancy is announced anew, then the leg is corrected.
    let mut vacancies = people::vacancies();
    for vacancy in &mut vacancies {
        let terms = vacancy.terms.as_mut().unwrap();
        terms.version += 1;
        terms.pay_fen_month_max += 10_000;
    }
    let request = wire::AddVacanciesRequest { vacancies, announce: false, change: false };
    ruian.desk(DeskCommand::AddVacancies(request)).await.unwrap();
    ruian.act(leg, terms).await.unwrap();
    towns.quiet().await;
    eventually("the second question", async || {
        kunming.phones.about(&case, "请至少看一天").len() == 2
    })
    .await;
    let all = kunming.phones.about(&case, "请至少看一天");
    let second = all.iter().find(|sms| sms.code() != first.code()).unwrap();
    kunming.open(second).await.unwrap();
    towns.clock.move_on(24 * HOUR_MS);
    kunming.answer(second, &[1]).await.unwrap();
    towns.next_working_day();
    kunming.reaches(leg, Stage::Released).await;
    let state = ruian.leg(leg).await.law.state().clone();
    assert!(state.terms.is_some());
    // The question about the old terms lapses unanswered: it ends nothing.
    for _ in 0..14 {
        towns.next_working_day();
    }
    eventually("the lapse", async || {
        kunming.count("SELECT COUNT(*) FROM timer WHERE kind = 'question-lapses'").await == 0
    })
    .await;
    towns.quiet().await;
    assert_eq!(kunming.stage(leg).await, Some(Stage::Released));
    towns.stop().await;
}
