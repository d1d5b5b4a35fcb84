//! One Chinese and one English word per noun of the protocol: what screens, notices and reports say.

use crate::case::{Duty, Stage};
use crate::day::Day;
use crate::section::{Field, FieldType, Value};
use crate::wire::{
    DecisionCode, GrievanceKind, HolderSide, KeepingDuty, MessageType, OfficeKind, RiskFlagAnswer,
    RiskFlagKind, Service, StatementFact,
};

mod alarm;

pub use alarm::{alarm, alarm_kinds};

/// A word in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// Chinese.
    pub zh: &'static str,
    /// English.
    pub en: &'static str,
}

const fn w(zh: &'static str, en: &'static str) -> Word {
    Word { zh, en }
}

/// A service.
pub fn service(service: Service) -> Word {
    match service {
        Service::Unspecified => w("未定", "unknown"),
        Service::Employment => w("就业", "job"),
        Service::Schooling => w("入学", "school place"),
        Service::SchoolRecord => w("学籍转接", "school record"),
        Service::Insurance => w("社会保险", "social insurance"),
        Service::Housing => w("住房", "home"),
        Service::FundTransfer => w("公积金转移", "housing fund transfer"),
    }
}

/// A message type.
pub fn message(ty: MessageType) -> Word {
    match ty {
        MessageType::Unspecified => w("未知", "unknown"),
        MessageType::Offer => w("名额申请", "OFFER"),
        MessageType::Request => w("转入申请", "REQUEST"),
        MessageType::TakeUp => w("受理", "TAKE UP"),
        MessageType::Clarify => w("补正", "CLARIFY"),
        MessageType::Supply => w("补充", "SUPPLY"),
        MessageType::Accept => w("同意接收", "ACCEPT"),
        MessageType::Waitlist => w("轮候", "WAITLIST"),
        MessageType::Decline => w("不予接收", "DECLINE"),
        MessageType::Release => w("移交身份信息", "RELEASE"),
        MessageType::Progress => w("办理进度", "PROGRESS"),
        MessageType::Outcome => w("办理结果", "OUTCOME"),
        MessageType::Complete => w("办结", "COMPLETE"),
        MessageType::Correct => w("更正", "CORRECT"),
        MessageType::Redirect => w("转办", "REDIRECT"),
        MessageType::Withdraw => w("撤回", "WITHDRAW"),
        MessageType::WithdrawEffect => w("撤回处理结果", "WITHDRAW EFFECT"),
        MessageType::Return => w("退回", "RETURN"),
        MessageType::Expire => w("逾期关闭", "EXPIRE"),
        MessageType::Void => w("作废", "VOID"),
        MessageType::Remind => w("催办", "REMIND"),
        MessageType::EraseNotice => w("删除通知", "ERASE NOTICE"),
        MessageType::EraseConfirm => w("删除确认", "ERASE CONFIRM"),
        MessageType::Consent => w("同意书", "CONSENT"),
        MessageType::CapacityQuery => w("名额查询", "CAPACITY QUERY"),
        MessageType::CapacityAnswer => w("名额答复", "CAPACITY ANSWER"),
        MessageType::VacancyNotice => w("岗位信息", "VACANCY NOTICE"),
    }
}

/// A stage of a leg.
pub fn stage(stage: Stage) -> Word {
    match stage {
        Stage::Offered => w("已发出", "OFFERED"),
        Stage::TakenUp => w("已受理", "TAKEN_UP"),
        Stage::Waitlisted => w("轮候中", "WAITLISTED"),
        Stage::Accepted => w("同意接收", "ACCEPTED"),
        Stage::Released => w("已移交", "RELEASED"),
        Stage::Fulfilled => w("已办成，待本人确认", "FULFILLED"),
        Stage::Unconfirmed => w("已办成，本人未确认", "UNCONFIRMED"),
        Stage::Completed => w("办结", "COMPLETED"),
        Stage::Declined => w("不予接收", "DECLINED"),
        Stage::NotRealised => w("未办成", "NOT_REALISED"),
        Stage::Withdrawn => w("已撤回", "WITHDRAWN"),
        Stage::Returned => w("已退回", "RETURNED"),
        Stage::Expired => w("逾期关闭", "EXPIRED"),
        Stage::Voided => w("已作废", "VOIDED"),
    }
}

/// A duty.
pub fn duty(duty: Duty) -> Word {
    match duty {
        Duty::TakeUp => w("受理", "TAKE_UP"),
        Duty::Decide => w("答复", "DECIDE"),
        Duty::Supply => w("补充材料", "SUPPLY"),
        Duty::Release => w("移交身份信息", "RELEASE"),
        Duty::Outcome => w("反馈结果", "OUTCOME"),
        Duty::Complete => w("本人确认", "COMPLETE"),
        Duty::WithdrawEffect => w("答复撤回", "WITHDRAW_EFFECT"),
        Duty::EraseConfirm => w("确认删除", "ERASE_CONFIRM"),
    }
}

/// A duty under which something is kept that was asked to be erased.
pub fn keeping_duty(duty: KeepingDuty) -> Word {
    match duty {
        KeepingDuty::Unspecified => w("未定", "unknown"),
        KeepingDuty::LabourRecord => w("劳动用工记录", "the record of employment"),
        KeepingDuty::SchoolRoll => w("学籍记录", "the school roll"),
        KeepingDuty::InsuranceRecord => w("参保记录", "the insurance record"),
        KeepingDuty::TenancyRecord => w("租住记录", "the record of tenancy"),
        KeepingDuty::LegalHold => w("依法保全", "a legal hold"),
    }
}

/// What a statement is about.
pub fn statement_fact(fact: StatementFact) -> Word {
    match fact {
        StatementFact::Unspecified => w("未定", "unknown"),
        StatementFact::InsuredMonths => w("累计参保月数", "months insured"),
        StatementFact::CourseFinished => w("培训结业", "course finished on"),
        StatementFact::ResidenceRegisteredSince => {
            w("居住登记起始日", "residence registered since")
        }
        StatementFact::EnrolledSince => w("入学起始日", "enrolled since"),
    }
}

/// The fact of a statement with its value, in Chinese and English.
pub fn stated(fact: StatementFact, months: u32, since: Option<Day>) -> [String; 2] {
    let word = statement_fact(fact);
    let [zh, en] = match since {
        Some(day) => [day.to_string(), day.to_string()],
        None => [format!("{months} 个月"), months.to_string()],
    };
    [format!("{} {zh}", word.zh), format!("{} {en}", word.en)]
}

/// An office kind.
pub fn office(kind: OfficeKind) -> Word {
    match kind {
        OfficeKind::Unspecified => w("未定", "unknown"),
        OfficeKind::Labour => w("人力资源和社会保障", "human resources and social security"),
        OfficeKind::Education => w("教育", "education"),
        OfficeKind::MedicalSecurity => w("医疗保障", "medical security"),
        OfficeKind::Housing => w("住房", "housing"),
        OfficeKind::HousingFund => w("住房公积金", "housing provident fund"),
        OfficeKind::LabourInspection => w("劳动监察", "labour inspection"),
        OfficeKind::LegalAid => w("法律援助", "legal aid"),
        OfficeKind::TradeUnion => w("工会", "trade union"),
        OfficeKind::Coordination => w("综合窗口", "coordination window"),
        OfficeKind::Compliance => w("合规审计", "compliance"),
    }
}

/// What makes an agreement worth a look.
pub fn flag(kind: RiskFlagKind) -> Word {
    match kind {
        RiskFlagKind::Unspecified => w("未写明", "not said"),
        RiskFlagKind::FewSayNo => {
            w("几乎无人撤回、无一不予接收", "hardly anything withdrawn or declined")
        }
        RiskFlagKind::BeyondPosts => {
            w("同一用人单位到岗多于公布岗位", "more placements than posts announced")
        }
        RiskFlagKind::NotByChoice => {
            w("私下确认中有人说不是自己决定", "a no in the private ballot")
        }
        RiskFlagKind::OnePhone => w("一部手机为多人确认", "one phone confirming for many"),
        RiskFlagKind::SameMinute => w("多人在同一分钟确认", "many confirmed in the same minute"),
        RiskFlagKind::AfterLeaving => w(
            "有人离职后不久其他事项被退回或不予接收",
            "other items ended soon after somebody left the job",
        ),
    }
}

/// What the other city's reviewer answers.
pub fn flag_answer(answer: RiskFlagAnswer) -> Word {
    match answer {
        RiskFlagAnswer::Unspecified => w("尚未答复", "not answered"),
        RiskFlagAnswer::Explained => w("已核查，原因清楚", "looked into: there is a reason"),
        RiskFlagAnswer::PracticeChanged => w("已改变做法", "practice changed"),
        RiskFlagAnswer::OfficeInstructed => w("已责成有关机构纠正", "the offices were instructed"),
        RiskFlagAnswer::CallBack => w("已安排工会或法律援助回访", "a call-back was arranged"),
    }
}

/// What a grievance is about.
pub fn grievance(kind: GrievanceKind) -> Word {
    match kind {
        GrievanceKind::Unspecified => w("未写明", "not said"),
        GrievanceKind::FeeTaken => w("被收费", "a fee was taken"),
        GrievanceKind::IdWithheld => w("证件被扣", "a document is withheld"),
        GrievanceKind::WageArrears => w("拖欠工资", "wages are owed"),
        GrievanceKind::WorkInjury => w("工伤", "injured at work"),
        GrievanceKind::Lodging => w("住宿问题", "lodging"),
        GrievanceKind::NotByMyChoice => w("不是我自己决定的", "not by my choice"),
        GrievanceKind::NeverConfirmed => w("我从没有确认过", "I never confirmed"),
        GrievanceKind::TermsDiffer => w("条件和说的不一样", "the terms differ"),
        GrievanceKind::LegalHelp => w("需要法律帮助", "legal help wanted"),
    }
}

/// Why an office does not announce the posts that an employer proposes.
pub const POSTS_DECLINED: [DecisionCode; 7] = [
    DecisionCode::Capacity,
    DecisionCode::PostFilled,
    DecisionCode::EmployerClosed,
    DecisionCode::EmployerUnverified,
    DecisionCode::EmployerWageArrears,
    DecisionCode::TermsDiffer,
    DecisionCode::Law,
];

/// A decision code.
pub fn decision(code: DecisionCode) -> Word {
    match code {
        DecisionCode::Unspecified => w("", ""),
        DecisionCode::Capacity => w("名额已满", "no capacity"),
        DecisionCode::OutOfWindow => w("不在办理时段", "outside the intake window"),
        DecisionCode::ResidenceRule => w("不符合居住条件", "residence rule"),
        DecisionCode::InsuranceRule => w("不符合参保条件", "insurance rule"),
        DecisionCode::Duplicate => w("重复申请", "duplicate"),
        DecisionCode::AlreadyServed => w("已享受该服务", "already served"),
        DecisionCode::ScopeNotCovered => w("不在服务范围", "scope not covered"),
        DecisionCode::AgreementLimit => w("超出协议限额", "agreement limit"),
        DecisionCode::NoValidConsent => w("无有效同意", "no valid consent"),
        DecisionCode::EvidenceMissing => w("缺少证明", "evidence missing"),
        DecisionCode::PostFilled => w("岗位已招满", "post filled"),
        DecisionCode::EmployerClosed => w("用人单位已停业", "employer closed"),
        DecisionCode::EmployerUnverified => w("用人单位未核实", "employer unverified"),
        DecisionCode::EmployerWageArrears => w("用人单位欠薪", "employer wage arrears"),
        DecisionCode::UnderMinAge => w("未达最低年龄", "under the minimum age"),
        DecisionCode::TermsDiffer => w("用工条件不一致", "terms differ"),
        DecisionCode::Law => w("法律规定", "law"),
        DecisionCode::WrongOffice => w("受理机构有误", "wrong office"),
    }
}

/// A ground of CLARIFY with what is to be brought for it; codes from 1, a closed list.
#[derive(Clone, Copy, Debug)]
pub struct Ground {
    /// What the question is about.
    pub word: Word,
    /// Codes of [`BRING`] that answer it, where the desk names none itself.
    pub bring: &'static [u32],
}

const fn ground_of(zh: &'static str, en: &'static str, bring: &'static [u32]) -> Ground {
    Ground { word: w(zh, en), bring }
}

/// The grounds of CLARIFY, by code from 1. They are only ever added to.
pub const GROUNDS: [Ground; 10] = [
    ground_of("身份证件需核对", "identity document", &[1]),
    ground_of("亲属或监护关系需证明", "proof of the relation", &[2]),
    ground_of("居住情况需证明", "proof of residence", &[3]),
    ground_of("就读情况需证明", "present enrolment", &[4]),
    ground_of("职业资格需证明", "skill certificate", &[5]),
    ground_of("参保缴费情况需证明", "insurance payments", &[6]),
    ground_of("劳动关系需证明", "proof of employment", &[7]),
    ground_of("希望办理日期需确认", "date wanted", &[]),
    ground_of("同住人数需确认", "size of the household", &[]),
    ground_of("所填内容前后不一致", "entries that do not agree", &[]),
];

/// What a person brings to the window, by code from 1. It is only ever added to.
pub const BRING: [Word; 10] = [
    w("身份证件", "ID card or passport"),
    w("亲属关系证明", "proof of the relation"),
    w("居住证或居住登记", "residence permit or registration"),
    w("就读证明", "certificate of enrolment"),
    w("职业资格证书", "skill certificate"),
    w("社保缴费记录", "record of insurance payments"),
    w("劳动合同", "job contract"),
    w("监护人身份证件", "guardian's ID card"),
    w("转移申请表", "transfer form"),
    w("本人手机", "own phone"),
];

/// A ground by its code.
pub fn ground(code: u32) -> Option<&'static Ground> {
    GROUNDS.get(usize::try_from(code.checked_sub(1)?).ok()?)
}

/// A thing to bring by its code.
pub fn bring(code: u32) -> Option<Word> {
    BRING.get(usize::try_from(code.checked_sub(1)?).ok()?).copied()
}

/// Which office kind handles a service.
pub fn kind_of_service(service: Service) -> OfficeKind {
    match service {
        Service::Unspecified => OfficeKind::Unspecified,
        Service::Employment => OfficeKind::Labour,
        Service::Schooling | Service::SchoolRecord => OfficeKind::Education,
        Service::Insurance => OfficeKind::MedicalSecurity,
        Service::Housing => OfficeKind::Housing,
        Service::FundTransfer => OfficeKind::HousingFund,
    }
}

/// A direction of a service rule.
pub fn holder(side: HolderSide) -> Word {
    match side {
        HolderSide::Unspecified => w("未定", "unknown"),
        HolderSide::A => w("甲方转出", "A hands over"),
        HolderSide::B => w("乙方转出", "B hands over"),
    }
}

/// A code of a section's field, by section, field and code; `None` where it has no word.
pub fn code(section: u8, field: u32, code: u64) -> Option<Word> {
    let words: &[Word] = match (section, field) {
        (2, 1) => &[
            w("幼儿园", "kindergarten"),
            w("小学", "primary"),
            w("初中", "junior middle"),
            w("高中", "senior middle"),
            w("中职", "vocational"),
        ],
        (2, 3) => &[w("新生入学", "new"), w("转学", "transfer")],
        (3 | 36, 1) => &[
            w("公租房", "public rental"),
            w("保障性租赁住房", "affordable rental"),
            w("职工宿舍", "dormitory"),
            w("租房补贴", "rent subsidy"),
        ],
        (16, 2) => &[
            w("居民身份证", "resident ID"),
            w("港澳台居民居住证", "HK/MO/TW residence permit"),
            w("外国人永久居留身份证", "foreign permanent residence"),
            w("护照", "passport"),
            w("其他", "other"),
        ],
        (16, 5) => &[
            w("本人", "self"),
            w("配偶", "spouse"),
            w("子女", "child"),
            w("被监护人", "ward"),
            w("父母", "parent"),
        ],
        (16, 6) => &[
            w("未满14周岁", "under 14"),
            w("14至15周岁", "14-15"),
            w("16至17周岁", "16-17"),
            w("满18周岁", "18 and over"),
        ],
        (20, 1) => &[
            w("转移接续", "transfer"),
            w("异地就医备案", "remote-care filing"),
            w("新参保", "new cover"),
        ],
        (32, 2) => &[w("直接用工", "direct"), w("劳务派遣", "agency")],
        (34, 1) => &[w("未开始", "not started"), w("办理中", "started"), w("已办结", "done")],
        _ => &[],
    };
    usize::try_from(code).ok()?.checked_sub(1).and_then(|at| words.get(at)).copied()
}

/// A field's value as a page or a clerk shows it: codes in both languages, dates as dates.
pub fn value(section: u8, field: &Field, value: &Value) -> String {
    let Value::Number(number) = value else { return value.show() };
    match field.ty {
        FieldType::Date => {
            let day = u32::try_from(*number).ok().and_then(Day::from_number);
            day.map_or(number.to_string(), |day| day.to_string())
        }
        FieldType::Code(_) => match code(section, field.number, *number) {
            Some(word) => format!("{} {}", word.zh, word.en),
            None => number.to_string(),
        },
        FieldType::Text | FieldType::Number | FieldType::Flag => number.to_string(),
    }
}

/// What the evidence never says; every export and the README carry it.
pub const NOT_PROOF_OF_FREEDOM: Word = w(crate::bundle::CAVEAT_ZH, crate::bundle::CAVEAT_EN);
