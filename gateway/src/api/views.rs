//! The bodies of requests and answers.

use super::shape::{Named, shape};
use jieli_proto::section::SectionKind;
use jieli_proto::wire::{self, Service};

shape! {
    /// A leg in the queue.
    LegLine, "办件中的一个事项，不含任何个人信息。", "One leg of a case; nothing of any person.";
    case: String, "办件编号。", "Case number.";
    leg: u32, "办件中的序号。", "Number within the case.";
    peer: String, "对方城市。", "The other city.";
    service: String, "事项种类。", "Kind of service.";
    direction: String, "push 或 pull。", "push or pull.";
    our_side: String, "initiator 或 examiner。", "initiator or examiner.";
    stage: String, "进度。", "Stage.";
    settled: bool, "已办结且双方一致。", "Closed, and both cities agree on it.";
    question_open: bool, "有补正要求未答复。", "A question is open.";
    stopped: bool, "已停止。", "Stopped.";
    due: Option<String>, "期限（年-月-日）。", "Due date (yyyy-mm-dd).";
    duty: String, "等待什么。", "What is waited for.";
    turn: String, "轮到谁：ours、theirs 或空。", "Whose turn: ours, theirs or empty.";
    urgency: String, "due-soon、overdue、needs-person 或空。", "due-soon, overdue, needs-person or empty.";
    handler: String, "首问经办人的令牌名。", "Token of the first handler.";
    other_office: String, "同城另一机构的名称。", "The other office, within one city.";
}

shape! {
    /// What a webhook is sent.
    ChangeTold, "推送的全部内容。", "All that a webhook is sent.";
    case: String, "办件编号。", "Case number.";
    leg: u32, "办件中的序号。", "Number within the case.";
    stage: String, "变化当时的进度。", "Stage at the time of the change.";
}

shape! {
    /// A line of the delivery log.
    DeliveryLine, "一次推送。", "One delivery.";
    id: String, "请求头 webhook-id 的值；重送时不变。", "The header webhook-id; the same when it is sent again.";
    webhook: String, "推送地址的编号。", "Id of the webhook.";
    case: String, "办件编号。", "Case number.";
    leg: u32, "办件中的序号。", "Number within the case.";
    stage: String, "变化当时的进度。", "Stage at the time of the change.";
    state: String, "waiting、taken 或 given-up。", "waiting, taken or given-up.";
    attempts: u32, "已试次数。", "Tries.";
    status: u32, "最近一次答复的 HTTP 状态；0 表示没有答复。", "HTTP status of the last answer; 0: none came.";
    made_unix_ms: u64, "变化的时间。", "When the leg changed.";
    done_unix_ms: u64, "送达或放弃的时间；0 表示仍在等待。", "When it was taken or given up; 0: it waits.";
}

shape! {
    /// The delivery log of a system.
    DeliveriesBody, "推送记录，最新的在前。", "The delivery log, the newest first.";
    deliveries: Vec<DeliveryLine>, "推送。", "The deliveries.";
}

shape! {
    /// A page of the queue.
    LegPage, "按期限排列的一页事项。", "A page of legs by due date.";
    legs: Vec<LegLine>, "事项。", "The legs.";
    next: Option<String>, "下一页的 after；没有下一页时为空。", "`after` of the next page; null at the end.";
    today: String, "本机构日历的今天。", "Today, in this office's calendar.";
}

shape! {
    /// A case.
    CaseBody, "一件办件中属于本机构的事项。", "The legs of a case that are this office's.";
    case: String, "办件编号。", "Case number.";
    legs: Vec<LegLine>, "事项。", "The legs.";
}

shape! {
    /// What was said in a leg.
    Said, "一份消息，不含内容。", "One message, without what it holds.";
    kind: String, "种类。", "Its type.";
    from: String, "发出方。", "Who said it.";
    at_unix_ms: u64, "发出时间。", "When.";
    status: String, "provisional、stored、withheld 或 refused。", "provisional, stored, withheld or refused.";
    refusal: String, "拒收代码。", "Code of the refusal.";
    overridden: bool, "后来的消息取代了它。", "A later message took its place.";
    disputed: bool, "其密钥后来被停用。", "Its key was revoked later.";
}

shape! {
    /// Where the person goes.
    Window, "本人去哪里办。", "Where the person goes.";
    office: String, "机构。", "Office.";
    telephone: String, "电话。", "Telephone.";
    opens: String, "开门时间。", "Opens.";
    closes: String, "关门时间。", "Closes.";
    bring: Vec<u32>, "带什么，代码。", "What to bring, as codes.";
}

shape! {
    /// An act that waits.
    Waiting, "已录入、尚未发出的一步，窗口可以撤回。", "A step entered and not sent yet; a desk can undo it.";
    step: String, "哪一步。", "Which step.";
    goes_out_unix_ms: u64, "何时发出。", "When it goes out.";
    token: String, "谁录入。", "Who entered it.";
}

shape! {
    /// A leg with what may be done in it.
    LegBody, "一个事项，不含任何个人信息。", "One leg; nothing of any person.";
    line: LegLine, "概要。", "Its line.";
    steps: Vec<String>, "现在可办的步骤。", "Steps that may be taken now.";
    messages: Vec<Said>, "往来消息。", "What was said.";
    window: Option<Window>, "本人去哪里办。", "Where the person goes.";
    waiting: Option<Waiting>, "等待发出的一步。", "A step that waits to be sent.";
    person_told: String, "waiting、told、window 或空。", "waiting, told, window or empty.";
}

shape! {
    /// Why a section is opened.
    SectionAsked, "打开一个部分。", "Opens one section.";
    purpose: String, "用途，须为清单中的用语，本人看得到。", "Why: one of the listed purposes; the person can read it.";
}

shape! {
    /// A field of a section.
    FieldBody, "一个栏目。", "One field.";
    name: String, "栏目名。", "Its name.";
    name_zh: String, "中文名。", "Its name in Chinese.";
    name_en: String, "英文名。", "Its name in English.";
    value: String, "内容。", "Its value.";
}

shape! {
    /// A section that was opened.
    SectionBody, "一个人一个事项的一个部分；这次查看已记录。", "One section of one person's leg; this look is written down.";
    section: String, "部分的名称。", "Name of the section.";
    fields: Vec<FieldBody>, "栏目。", "Its fields.";
}

shape! {
    /// A step, with what it needs to be told.
    #[derive(Default)]
    StepAsked, "在一个事项中办理一步；各步需要的栏目不同。", "Takes a step in one leg; each step needs other fields.";
    step: String, "步骤，如 take-up、accept、decline。", "The step, such as take-up, accept, decline.";
    slot_until: Option<String>, "名额保留到（accept）。", "The place is held until (accept).";
    telephone: Option<String>, "窗口电话。", "Telephone of the window.";
    opens: Option<String>, "开门，09:00。", "Opens, 09:00.";
    closes: Option<String>, "关门，17:00。", "Closes, 17:00.";
    bring: Option<Vec<u32>>, "带什么，代码。", "What to bring, as codes.";
    ground: Option<u32>, "补正理由（clarify）。", "Ground of the question (clarify).";
    until: Option<String>, "候补到（waitlist）。", "On the list until (waitlist).";
    band: Option<u32>, "候补档次（waitlist）。", "Band of the list (waitlist).";
    code: Option<String>, "理由代码（decline、return、void、progress、outcome）。", "Coded reason (decline, return, void, progress, outcome).";
    office: Option<String>, "转交的机构（redirect）。", "Office it goes to (redirect).";
    how: Option<String>, "done 或 not（outcome）。", "done or not (outcome).";
    reference: Option<String>, "全国平台编号（outcome）。", "Number on the national platform (outcome).";
    terms: Option<bool>, "按本机构岗位现况更正（correct）。", "The terms as they stand in the own vacancy (correct).";
    fields: Option<Named>, "部分.栏目：内容（supply、correct、outcome）。", "section.field: value (supply, correct, outcome).";
}

shape! {
    /// What came of a step.
    StepDone, "办理结果。", "What came of it.";
    say_zh: String, "中文。", "In Chinese.";
    say_en: String, "英文。", "In English.";
}

shape! {
    /// Places of one kind.
    PlacesLine, "一类名额。", "Places of one kind.";
    service: String, "事项种类。", "Kind of service.";
    stage: u32, "学段代码，0 为不适用。", "Code of the school stage; 0 where it does not apply.";
    home_kind: u32, "住房类型代码，0 为不适用。", "Code of the kind of home; 0 where it does not apply.";
    district: String, "区域，空为全市。", "District; empty for the whole city.";
    reference: String, "岗位编号。", "Reference of a vacancy.";
    state: String, "现在会怎样答复。", "What a query is answered now.";
    places: u32, "名额总数。", "Places.";
    held: u32, "已同意未反馈。", "Accepted, no result yet.";
    used: u32, "已办成。", "Used.";
    kept: u32, "停止后保留数日。", "Kept for some days after a stop.";
    valid_until: Option<String>, "有效至。", "Valid until.";
    expired: bool, "已过期。", "Expired.";
}

shape! {
    /// The own places.
    PlacesBody, "本机构的名额。", "The places of this office.";
    lines: Vec<PlacesLine>, "各类名额。", "Each kind.";
}

shape! {
    /// Announces places.
    PlacesAsked, "公布一类名额。", "Announces places of one kind.";
    service: String, "SCHOOLING 或 HOUSING。", "SCHOOLING or HOUSING.";
    stage: Option<u32>, "学段代码。", "Code of the school stage.";
    home_kind: Option<u32>, "住房类型代码。", "Code of the kind of home.";
    district: Option<String>, "区域。", "District.";
    state: Option<String>, "HAS、NONE、WAITLIST 或 ASSESS_FIRST；默认 HAS。", "HAS, NONE, WAITLIST or ASSESS_FIRST; HAS by default.";
    places: u32, "名额总数，0 为不计数。", "Places; 0: not counted.";
    wait_days: Option<u32>, "预计等候天数。", "Days to wait, estimated.";
    valid_until: String, "有效至（年-月-日）。", "Valid until (yyyy-mm-dd).";
}

shape! {
    /// A vacancy.
    VacancyBody, "一个岗位。", "One vacancy.";
    reference: String, "编号。", "Reference.";
    city: String, "城市。", "City.";
    employer_name: String, "用人单位。", "Employer.";
    posts: u32, "人数。", "Posts.";
    valid_until: Option<String>, "有效至。", "Valid until.";
}

shape! {
    /// All vacancies.
    VacanciesBody, "岗位。", "Vacancies.";
    vacancies: Vec<VacancyBody>, "岗位。", "The vacancies.";
}

/// `yyyy-mm-dd`; nothing for no date.
pub(super) fn date(number: u32) -> Option<String> {
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    (number > 0).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

/// A service as it is written here.
pub(super) fn service(service: Service) -> String {
    service.as_str_name().trim_start_matches("SERVICE_").to_owned()
}

pub(super) fn line(case: &str, peer: &str, leg: &wire::LegLine) -> LegLine {
    let desk = leg.desk.clone().unwrap_or_default();
    LegLine {
        case: case.to_owned(),
        leg: leg.number,
        peer: peer.to_owned(),
        service: service(leg.service()),
        direction: leg.direction.clone(),
        our_side: leg.our_side.clone(),
        stage: leg.stage.clone(),
        settled: leg.settled,
        question_open: leg.question_open,
        stopped: leg.stop,
        due: date(leg.due_date),
        duty: leg.duty.clone(),
        turn: desk.turn,
        urgency: desk.urgency,
        handler: desk.handler,
        other_office: leg.other_office.clone(),
    }
}

pub(super) fn leg(case: &wire::CaseLine, view: &wire::LegView) -> LegBody {
    let shown = view.line.clone().unwrap_or_default();
    let desk = shown.desk.clone().unwrap_or_default();
    let said = view.messages.iter().map(|message| Said {
        kind: message.r#type.clone(),
        from: message.from.clone(),
        at_unix_ms: message.created_unix_ms,
        status: message.status.clone(),
        refusal: message.refusal.clone(),
        overridden: message.overridden,
        disputed: message.disputed,
    });
    LegBody {
        line: line(&case.case_number, &case.peer, &shown),
        steps: view.next.clone(),
        messages: said.collect(),
        window: view.window.as_ref().map(|window| Window {
            office: window.office.clone(),
            telephone: window.telephone.clone(),
            opens: window.opens.clone(),
            closes: window.closes.clone(),
            bring: window.bring.clone(),
        }),
        waiting: desk.pending.map(|pending| Waiting {
            step: pending.step,
            goes_out_unix_ms: pending.goes_out_unix_ms,
            token: pending.token,
        }),
        person_told: view.person_told.clone(),
    }
}

pub(super) fn section(kind: &SectionKind, fields: &[wire::FieldView]) -> SectionBody {
    let fields = fields.iter().map(|field| FieldBody {
        name: kind.field(field.field).map_or("", |known| known.name).to_owned(),
        name_zh: field.name_zh.clone(),
        name_en: field.name_en.clone(),
        value: field.value.clone(),
    });
    SectionBody { section: kind.name.to_owned(), fields: fields.collect() }
}
