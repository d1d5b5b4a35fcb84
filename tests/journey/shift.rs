//! A shift of workers: the employer proposes the posts, its city announces them, the sending city's
//! liaison post sees by number which school place is late, and the employer states who began to work.
//! It reads no name, no other item and no reason, and nothing once an item is over.

use crate::agreements::denied;
use jieli_node::command::DeskCommand;
use jieli_node::serve::CODE_KEY;
use jieli_node::serve::desk::employ::EmployDoor;
use jieli_node::serve::desk::liaise::LiaiseDoor;
use jieli_node::tokens::Tokens;
use jieli_node::world::Clock as _;
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::employ_server::Employ as _;
use jieli_proto::wire::liaise_server::Liaise as _;
use jieli_proto::wire::posts_server::Posts as _;
use jieli_proto::wire::{self, DecisionCode, Duty, Service};
use jieli_tests::people::{self, FAMILY, text};
use jieli_tests::{HOUR_MS, Town, Towns, eventually};
use std::sync::Arc;

const DAY_MS: u64 = 24 * HOUR_MS;
const SHIFT: &str = "V-2026-0301";

fn employ(town: &Town) -> EmployDoor {
    let node = town.node();
    let tokens = Arc::new(Tokens::load(&node.house().config).unwrap());
    EmployDoor::new(node.hand(), node.store(), node.house().clone(), tokens)
}

fn code(status: &tonic::Status) -> String {
    status.metadata().get(CODE_KEY).unwrap().to_str().unwrap().to_owned()
}

/// The day, as yyyymmdd.
fn today(towns: &Towns) -> u32 {
    towns.calendar().day_of_unix_ms(towns.clock.now_unix_ms()).number()
}

/// Posts for a shift, by the employer of the first vacancy.
fn shift() -> wire::Vacancy {
    let mut vacancy = people::vacancies().remove(0);
    vacancy.terms.as_mut().unwrap().reference = SHIFT.to_owned();
    vacancy.posts = 4;
    vacancy
}

async fn propose(town: &Town, token: &str, vacancy: wire::Vacancy) -> Result<String, String> {
    let proposed = employ(town).propose_posts(town.with_token(token, vacancy)).await;
    proposed.map(|done| done.into_inner().state).map_err(|status| code(&status))
}

async fn answer(town: &Town, declined: DecisionCode) -> Result<String, String> {
    let employer = shift().terms.unwrap().employer_code;
    let (reference, declined) = (SHIFT.to_owned(), declined.into());
    let ask = wire::AnswerProposalRequest { employer, reference, declined };
    let done = employ(town).answer_proposal(town.with_token("clerk", ask)).await;
    done.map(|done| done.into_inner().state).map_err(|status| code(&status))
}

/// Posts that are announced, those expected and those that began.
async fn counts(town: &Town, token: &str) -> Vec<(String, u32, u32, u32)> {
    let ask = town.with_token(token, wire::ListPostsRequest {});
    let posts = employ(town).list_posts(ask).await.unwrap().into_inner().posts;
    let line = |one: wire::PostLine| {
        let vacancy = one.vacancy.unwrap();
        (vacancy.terms.unwrap().reference, vacancy.posts, one.expected, one.started)
    };
    posts.into_iter().map(line).collect()
}

/// What the holder of the number hands over: case and item in a city.
async fn number(town: &Town, leg: LegId) -> (String, u32) {
    let file = town.leg(leg).await;
    (town.case_of(&file).await, file.number)
}

async fn shown(town: &Town, token: &str, leg: LegId) -> Result<wire::Released, String> {
    let (case_number, leg) = number(town, leg).await;
    let ask = town.with_token(token, wire::ReleasedRef { case_number, leg });
    let shown = employ(town).show_released(ask).await;
    shown.map(tonic::Response::into_inner).map_err(|status| code(&status))
}

async fn stated(
    town: &Town,
    token: &str,
    leg: LegId,
    [started_on, ended_on]: [u32; 2],
) -> Result<wire::Released, String> {
    let (case_number, leg) = number(town, leg).await;
    let ask = wire::StateWorkRequest { case_number, leg, started_on, ended_on };
    let done = employ(town).state_work(town.with_token(token, ask)).await;
    done.map(tonic::Response::into_inner).map_err(|status| code(&status))
}

async fn delays(town: &Town, token: &str) -> Result<wire::DelayList, String> {
    let node = town.node();
    let tokens = Arc::new(Tokens::load(&node.house().config).unwrap());
    let door = LiaiseDoor::new(node.hand(), node.store(), node.house().clone(), tokens);
    let ask = wire::ListDelaysRequest { most: 50, ..wire::ListDelaysRequest::default() };
    let list = door.list_delays(town.with_token(token, ask)).await;
    list.map(tonic::Response::into_inner).map_err(|status| code(&status))
}

/// A row of the sheet that cites the posts of the shift.
fn cites(mut draft: wire::Draft) -> wire::Draft {
    let job = draft.legs.iter_mut().find(|leg| leg.service() == Service::Employment).unwrap();
    let reference = job.fields.iter_mut().find(|f| (f.section, f.field) == (1, 1)).unwrap();
    *reference = text(1, 1, SHIFT);
    draft
}

/// The posts of the shift, proposed, answered and known to the other city.
async fn announced(towns: &Towns) {
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let before = kunming.count("SELECT COUNT(*) FROM vacancy").await;
    // Its own posts alone, with all of the terms, under a reference that nobody else has.
    assert_eq!(propose(ruian, "employer-2", shift()).await.unwrap_err(), "BAD_FIELD");
    let mut taken = people::vacancies().remove(1);
    taken.terms.as_mut().unwrap().employer_code = shift().terms.unwrap().employer_code;
    assert_eq!(propose(ruian, "employer", taken).await.unwrap_err(), "REFERENCE_TAKEN");
    let mut vague = shift();
    vague.terms.as_mut().unwrap().hours_week = 0;
    assert_eq!(propose(ruian, "employer", vague).await.unwrap_err(), "BAD_FIELD");
    assert_eq!(propose(ruian, "employer", shift()).await.unwrap(), "waiting");
    towns.settled().await;
    assert_eq!(kunming.count("SELECT COUNT(*) FROM vacancy").await, before, "nothing is announced");
    // A reason that the law does not know for posts, one without a finding, a no, and proposed again.
    let not_a_reason = answer(ruian, DecisionCode::UnderMinAge).await;
    assert_eq!(not_a_reason.unwrap_err(), "BAD_FIELD");
    let arrears = answer(ruian, DecisionCode::EmployerWageArrears).await;
    assert_eq!(arrears.unwrap_err(), "NO_FINDING");
    assert_eq!(answer(ruian, DecisionCode::EmployerUnverified).await.unwrap(), "declined");
    assert_eq!(answer(ruian, DecisionCode::Unspecified).await.unwrap_err(), "NOT_FOUND");
    assert_eq!(propose(ruian, "employer", shift()).await.unwrap(), "waiting");
    assert_eq!(answer(ruian, DecisionCode::Unspecified).await.unwrap(), "announced");
    let known = async || kunming.count("SELECT COUNT(*) FROM vacancy").await == before + 1;
    eventually("the posts of the shift", known).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shift_goes_to_work_and_its_school_place_is_not_forgotten() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    announced(&towns).await;
    let mut drafts = vec![cites(people::row(FAMILY))];
    drafts.extend(people::single(2).into_iter().map(cites));
    let cases = kunming.import(drafts).await;
    let mut codes = Vec::new();
    for case in &cases {
        codes.push(kunming.ask_yes(case).await);
    }
    towns.next_working_day();
    let school = kunming.leg_for(&cases[0], Service::Schooling).await;
    ruian.reaches(school, Stage::Offered).await;
    let job = kunming.leg_for(&cases[0], Service::Employment).await;
    ruian.reaches(job, Stage::Offered).await;
    // Nobody is the employer's before the person is released to it.
    assert_eq!(shown(ruian, "employer", job).await.unwrap_err(), "NOT_FOUND");
    let mut jobs = Vec::new();
    for case in &cases {
        jobs.push(towns.job_to_released(case).await);
    }
    assert_eq!(jobs[0], job);
    let ours = |expected, began| {
        let first = people::vacancies().remove(0);
        let other = (first.terms.unwrap().reference, first.posts, 0, 0);
        vec![other, (SHIFT.to_owned(), 4, expected, began)]
    };
    assert_eq!(counts(ruian, "employer").await, ours(3, 0));

    // The number that one brings opens that item, to this employer alone, and the days that may be.
    assert_eq!(shown(ruian, "employer", job).await.unwrap().reference, SHIFT);
    assert_eq!(shown(ruian, "employer-2", job).await.unwrap_err(), "NOT_FOUND");
    assert_eq!(shown(ruian, "employer", school).await.unwrap_err(), "NOT_FOUND");
    let today = today(&towns);
    for days in [[0, 0], [0, today], [20_991_231, 0], [20_261_340, 0], [today, 20_260_101]] {
        assert_eq!(stated(ruian, "employer", job, days).await.unwrap_err(), "BAD_DAY", "{days:?}");
    }
    assert_eq!(stated(ruian, "employer-2", job, [today, 0]).await.unwrap_err(), "NOT_FOUND");
    assert_eq!(stated(ruian, "employer", job, [today, 0]).await.unwrap().started_on, today);
    assert_eq!(counts(ruian, "employer").await, ours(2, 1));
    // The desk that reports reads it, and so does the worker, with who looked; the other city nothing.
    assert_eq!(ruian.desk_view(job).await.work.unwrap().started_on, today);
    assert!(kunming.desk_view(job).await.work.is_none());
    let (there, _) = number(ruian, job).await;
    let sms = ruian.sms(&there, "说您申请了").await;
    let key = || wire::WorkerRequest { case_number: sms.case(), code: sms.code() };
    let stands = ruian.status(key()).await.unwrap().legs;
    assert!(stands.iter().any(|leg| leg.say_zh.contains("单位说")), "{stands:?}");
    let looks = ruian.who_looked(key()).await.unwrap().looks;
    assert!(looks.iter().any(|look| look.purpose.contains("用人单位核对到岗")), "{looks:?}");
    let sent = towns.sent().await;
    towns.settled().await;
    assert_eq!(towns.sent().await, sent, "no word of it is sent (V20)");

    // The school place is late. Both liaison posts see it by number, with nobody's name.
    towns.clock.move_on(30 * DAY_MS);
    let late = delays(kunming, "liaison").await.unwrap();
    let (case, item) = number(kunming, school).await;
    let line = late.lines.iter().find(|line| (&line.case_number, line.leg) == (&case, item));
    let line = line.unwrap_or_else(|| panic!("{late:?}"));
    assert!(line.needs_person && line.turn == "theirs", "{line:?}");
    let [partner] = late.partners.as_slice() else { panic!("{late:?}") };
    assert_eq!(partner.city, "ruian.zj");
    assert!(partner.open >= 4 && partner.late >= 1, "{partner:?}");
    assert!(!delays(ruian, "liaison").await.unwrap().lines.is_empty());
    let spoken = format!("{late:?}");
    for secret in people::secrets(people::people(&people::row(FAMILY))) {
        assert!(!spoken.contains(&secret), "{secret}");
    }
    assert_eq!(delays(kunming, "employer").await.unwrap_err(), "NOT_FOR_ROLE");
    // It telephones; the sending desk reminds, the school decides, and it is late no more.
    let remind = wire::DeskRemind { duty: Duty::TakeUp.into() };
    kunming.act(school, Act::Remind(remind)).await.unwrap();
    towns.ruian_accepts(school).await;
    kunming.reaches(school, Stage::Released).await;
    let late = delays(kunming, "liaison").await.unwrap();
    let is_it = |line: &&wire::DelayLine| (&line.case_number, line.leg) == (&case, item);
    assert!(late.lines.iter().find(is_it).is_none(), "{late:?}");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_employer_sees_ends_with_the_item_and_with_the_persons_stop() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    announced(&towns).await;
    let drafts = people::single(2).into_iter().map(cites).collect();
    let cases = kunming.import(drafts).await;
    let mut all = Vec::new();
    for case in &cases {
        let sms = kunming.ask_yes(case).await;
        towns.next_working_day();
        all.push((towns.job_to_released(case).await, sms));
    }
    let [(stays, _), (stops, code)] = all.try_into().unwrap();
    let today = today(&towns);
    for job in [stays, stops] {
        stated(ruian, "employer", job, [today, 0]).await.unwrap();
    }
    // One stops: the employer reads as if there had never been anybody, and no reason.
    kunming.withdraw(&code).await.unwrap();
    ruian.reaches(stops, Stage::Withdrawn).await;
    assert_eq!(shown(ruian, "employer", stops).await.unwrap_err(), "NOT_FOUND");
    assert_eq!(ruian.count("SELECT COUNT(*) FROM leg_employer").await, 1);
    // Changed terms of the same employer are being read: what was stated stays. Terms that name
    // another employer end it at once.
    towns.ruian_reports(stays).await;
    let (there, _) = number(ruian, stays).await;
    let ballot = ruian.sms(&there, "私下问您").await;
    ruian.answer(&ballot, &[1]).await.unwrap();
    kunming.reaches(stays, Stage::Fulfilled).await;
    assert_eq!(stated(ruian, "employer", stays, [0, today]).await.unwrap().ended_on, today);
    let done = kunming.sms(&cases[0], "说已办成").await;
    kunming.answer(&done, &[1]).await.unwrap();
    ruian.reaches(stays, Stage::Completed).await;
    assert_eq!(shown(ruian, "employer", stays).await.unwrap_err(), "NOT_FOUND");
    assert_eq!(stated(ruian, "employer", stays, [today, 0]).await.unwrap_err(), "NOT_FOUND");
    assert_eq!(ruian.count("SELECT COUNT(*) FROM leg_employer").await, 0);
    towns.stop().await;
}

/// Terms that name another employer close the first one's window at once; terms of the same one that
/// are being read leave what it stated.
#[tokio::test(flavor = "multi_thread")]
async fn changed_terms_keep_the_window_of_the_same_employer_alone() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    announced(&towns).await;
    let case = kunming.import(vec![cites(people::single(1).remove(0))]).await.remove(0);
    kunming.ask_yes(&case).await;
    towns.next_working_day();
    let job = towns.job_to_released(&case).await;
    let today = today(&towns);
    stated(ruian, "employer", job, [today, 0]).await.unwrap();
    let mut better = shift();
    let terms = better.terms.as_mut().unwrap();
    (terms.version, terms.pay_fen_month_max) =
        (terms.version + 1, terms.pay_fen_month_max + 10_000);
    change(ruian, better.clone()).await;
    ruian.act(job, Act::Correct(terms_alone())).await.unwrap();
    assert_eq!(shown(ruian, "employer", job).await.unwrap().started_on, today);
    let terms = better.terms.as_mut().unwrap();
    terms.version += 1;
    let other = people::vacancies().remove(1).terms.unwrap();
    (terms.employer_code, terms.employer_name) = (other.employer_code, other.employer_name);
    change(ruian, better).await;
    ruian.act(job, Act::Correct(terms_alone())).await.unwrap();
    for token in ["employer", "employer-2"] {
        assert_eq!(shown(ruian, token, job).await.unwrap_err(), "NOT_FOUND", "nobody agreed yet");
    }
    towns.stop().await;
}

fn terms_alone() -> wire::DeskCorrect {
    wire::DeskCorrect { terms: true, ..wire::DeskCorrect::default() }
}

async fn change(town: &Town, vacancy: wire::Vacancy) {
    let vacancies = vec![vacancy];
    let ask = wire::AddVacanciesRequest { vacancies, announce: true, change: true };
    let done = town.desk(DeskCommand::AddVacancies(ask)).await;
    assert!(done.is_ok(), "{}", denied(done.map(drop)));
}
