//! Why an act is not legal.

/// The closed, numbered list. The numbers are for refusals on the wire and never change; the text
/// tells the author what happened and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[repr(u16)]
#[allow(missing_docs)] // the text of each is its documentation
pub enum Illegal {
    #[error("there is no such leg: its first message was refused or never came; open a new leg")]
    NoSuchLeg = 1,
    #[error("this is not the next place in its author's lane; send it again with the next number")]
    BadChain = 2,
    #[error("it names a message that is not held here yet; ask for that message, then try again")]
    SeenUnknown = 3,
    #[error("it has seen less than its author's earlier message; sign it again with the last seen")]
    SeenWentBack = 4,
    #[error("the leg is already open; continue it or open another leg")]
    AlreadyOpen = 5,
    #[error("this step belongs to the other side; wait for it or send a reminder")]
    NotYourStep = 6,
    #[error("this step does not exist in a leg of this direction; see the steps offered")]
    WrongDirection = 7,
    #[error("the person withdrew; only the effect of the withdrawal and erasure may follow")]
    Stopped = 8,
    #[error("the leg is not in a stage that allows this step; look at its stage and choose again")]
    WrongStage = 9,
    #[error("the leg is still open; close it before asking for or confirming erasure")]
    NotClosed = 10,
    #[error("one side has already started to erase; nothing can be corrected any more")]
    Erased = 11,
    #[error("a question is still open; wait for the answer before asking another")]
    QuestionOpen = 12,
    #[error("this ground was already asked about; decide on the answer you have")]
    GroundUsed = 13,
    #[error("no question is open; there is nothing to answer")]
    NoQuestion = 14,
    #[error("it answers another question than the open one; name the open question")]
    WrongQuestion = 15,
    #[error("the acceptance of a job names no terms; add the terms sheet")]
    TermsMissing = 16,
    #[error("the wait has already lapsed; accept or decline instead")]
    WaitLapsed = 17,
    #[error("the slot date has passed; ask the other side to accept again")]
    SlotPassed = 18,
    #[error("no live consent names the accepting office; ask the person")]
    ConsentMissing = 19,
    #[error("the terms in force are not acknowledged; show them to the worker first")]
    TermsNotAcknowledged = 20,
    #[error("only the side that set the terms can correct them; ask the other side")]
    NotYourTerms = 21,
    #[error("the leg was redirected as often as it may be; decide or decline")]
    RedirectsUsed = 22,
    #[error("the other side has not withdrawn; there is no effect to report")]
    NothingWithdrawn = 23,
    #[error("the effect of this withdrawal was already reported")]
    EffectReported = 24,
    #[error("you already asked for erasure; wait for the confirmation")]
    EraseAsked = 25,
    #[error("erasure was not asked for and no identity had been handed over; nothing to confirm")]
    NothingToErase = 26,
    #[error("you already confirmed erasure")]
    EraseConfirmed = 27,
    #[error("the leg does not wait for this duty; name the duty it waits for")]
    DutyNotOwed = 28,
    #[error("this duty is not owed to you; the other side may act on it")]
    NotOwedToYou = 29,
    #[error("no message gave this duty a date; it cannot be late")]
    NoDueDate = 30,
    #[error("the due date has not passed; wait until the day after")]
    NotYetDue = 31,
    #[error("the receipt was signed before the due date was over; send a reminder for a later one")]
    NoSilence = 32,
    #[error("the receipt covers messages not taken into account; fetch and read them first")]
    HeardSince = 33,
    #[error("the agreement is still winding down for accepted legs; wait for the wind-down date")]
    WindingDown = 34,
    #[error("the due date is more than a working day away; remind later")]
    RemindEarly = 35,
    #[error("you reminded within the last two working days; wait")]
    RemindAgain = 36,
}

impl Illegal {
    /// Every reason, by number from 1.
    pub const ALL: [Illegal; 36] = [
        Illegal::NoSuchLeg,
        Illegal::BadChain,
        Illegal::SeenUnknown,
        Illegal::SeenWentBack,
        Illegal::AlreadyOpen,
        Illegal::NotYourStep,
        Illegal::WrongDirection,
        Illegal::Stopped,
        Illegal::WrongStage,
        Illegal::NotClosed,
        Illegal::Erased,
        Illegal::QuestionOpen,
        Illegal::GroundUsed,
        Illegal::NoQuestion,
        Illegal::WrongQuestion,
        Illegal::TermsMissing,
        Illegal::WaitLapsed,
        Illegal::SlotPassed,
        Illegal::ConsentMissing,
        Illegal::TermsNotAcknowledged,
        Illegal::NotYourTerms,
        Illegal::RedirectsUsed,
        Illegal::NothingWithdrawn,
        Illegal::EffectReported,
        Illegal::EraseAsked,
        Illegal::NothingToErase,
        Illegal::EraseConfirmed,
        Illegal::DutyNotOwed,
        Illegal::NotOwedToYou,
        Illegal::NoDueDate,
        Illegal::NotYetDue,
        Illegal::NoSilence,
        Illegal::HeardSince,
        Illegal::WindingDown,
        Illegal::RemindEarly,
        Illegal::RemindAgain,
    ];

    /// The reason of a number, as stored beside a refused message.
    pub fn from_number(number: u16) -> Option<Illegal> {
        Illegal::ALL.into_iter().find(|reason| reason.number() == number)
    }

    /// Its number on the wire.
    pub fn number(self) -> u16 {
        self as u16
    }

    /// The same as its text, Chinese.
    pub fn zh(self) -> &'static str {
        match self {
            Illegal::NoSuchLeg => "没有这个事项：第一条信息被拒收或没有收到；请新建事项",
            Illegal::BadChain => "序号不接续；请用下一个序号重新发送",
            Illegal::SeenUnknown => "所引用的信息本地还没有；请先取回再办",
            Illegal::SeenWentBack => "所见信息早于此前已见的；请刷新后重办",
            Illegal::AlreadyOpen => "该事项已经发起；请继续办理或另建事项",
            Illegal::NotYourStep => "这一步由对方办理；请等待或催办",
            Illegal::WrongDirection => "这类事项没有这一步；请看可办步骤",
            Illegal::Stopped => "本人已撤回；只能答复撤回和删除",
            Illegal::WrongStage => "当前阶段不能办这一步；请查看阶段后重新选择",
            Illegal::NotClosed => "事项尚未结束；先结束再要求或确认删除",
            Illegal::Erased => "已有一方开始删除；不能再更正",
            Illegal::QuestionOpen => "上一个补正要求尚未答复；请等答复后再提",
            Illegal::GroundUsed => "同一理由只能要求补正一次；请根据已有答复作出决定",
            Illegal::NoQuestion => "没有待答复的补正要求",
            Illegal::WrongQuestion => "答复的不是当前的补正要求；请答复当前的一个",
            Illegal::TermsMissing => "接收就业事项必须附用工条件；请先补上",
            Illegal::WaitLapsed => "轮候已到期；请改为同意或不予接收",
            Illegal::SlotPassed => "名额保留日期已过；请对方重新同意接收",
            Illegal::ConsentMissing => "没有指向接收机构的有效本人同意；请先询问本人",
            Illegal::TermsNotAcknowledged => "本人尚未确认现行用工条件；请先给本人看",
            Illegal::NotYourTerms => "用工条件只能由提出的一方更正；请对方更正",
            Illegal::RedirectsUsed => "转办次数已用完；请决定或不予接收",
            Illegal::NothingWithdrawn => "对方没有撤回，无须答复",
            Illegal::EffectReported => "这次撤回已经答复过",
            Illegal::EraseAsked => "已经要求过删除；请等待确认",
            Illegal::NothingToErase => "没有要求删除，也没有移交过身份信息；无须确认",
            Illegal::EraseConfirmed => "已经确认过删除",
            Illegal::DutyNotOwed => "该事项现在等的不是这项职责；请写明所等的职责",
            Illegal::NotOwedToYou => "这项职责不是对您方负有的；由对方处理",
            Illegal::NoDueDate => "这项职责没有期限，谈不上逾期",
            Illegal::NotYetDue => "期限未过；请在次日再办",
            Illegal::NoSilence => "手头的回执早于期限；请先催办，取得期限之后的回执",
            Illegal::HeardSince => "回执之前还有信息未读入；请先取回并读入",
            Illegal::WindingDown => "协议对已同意的事项仍在收尾期；请等到收尾日期",
            Illegal::RemindEarly => "距期限还有一个工作日以上；请稍后再催办",
            Illegal::RemindAgain => "两个工作日内已催办过；请稍候",
        }
    }

    /// False where the message takes no place in its lane, because its place cannot be told:
    /// BAD_CHAIN is refused, an unknown `seen` is deferred until that message arrives.
    pub fn takes_place(self) -> bool {
        !matches!(self, Illegal::BadChain | Illegal::SeenUnknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_round_trip() {
        for (i, reason) in Illegal::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(reason.number()), i + 1);
            assert_eq!(Illegal::from_number(reason.number()), Some(reason));
            assert!(!reason.to_string().is_empty() && !reason.zh().is_empty());
        }
        assert_eq!(Illegal::from_number(0), None);
    }
}
