//! The reasons in Chinese: what happened and what to do.

use super::Illegal;

impl Illegal {
    /// What happened and what to do, in Chinese; the English is its `Display`.
    pub fn zh(self) -> &'static str {
        match self {
            Illegal::NoSuchLeg => "没有这个事项：首条消息被拒收或没有送到；请另开事项",
            Illegal::BadChain => "这不是发送方通道里的下一个位置；请用下一个编号重新发送",
            Illegal::SeenUnknown => "所依据的消息这里还没有；请先取得那条消息再试",
            Illegal::SeenWentBack => "所依据的消息早于发送方上一条；请按最后看到的消息重新签署",
            Illegal::AlreadyOpen => "事项已经建立；请在原事项上继续，或另开事项",
            Illegal::NotYourStep => "这一步应由对方办理；请等待，或发出催办",
            Illegal::WrongDirection => "这个方向的事项没有这一步；请看列出的可办步骤",
            Illegal::Stopped => "本人已撤回；此后只能报告撤回处理结果和删除信息",
            Illegal::WrongStage => "事项当前所处的阶段不能办这一步；请看当前阶段后再选",
            Illegal::NotClosed => "事项还没有关闭；关闭后才能要求或确认删除",
            Illegal::Erased => "一方已开始删除信息；不能再更正",
            Illegal::QuestionOpen => "还有补正没有答复；收到答复后再提新的补正",
            Illegal::GroundUsed => "同一理由已经要求补正过；请按已有的答复决定",
            Illegal::NoQuestion => "没有待答的补正；无需补充",
            Illegal::WrongQuestion => "答复的不是当前的补正；请写明当前的补正",
            Illegal::TermsMissing => "同意接收就业事项时没有附用工条件；请补上用工条件告知单",
            Illegal::WaitLapsed => "轮候已到期；请改为同意接收或不予接收",
            Illegal::SlotPassed => "名额保留日期已过；请对方重新同意接收",
            Illegal::ConsentMissing => "没有本人对接收机构的有效同意；请先询问本人",
            Illegal::TermsNotAcknowledged => "本人还没有确认现行用工条件；请先让本人阅读",
            Illegal::NotYourTerms => "用工条件只能由提出的一方更正；请联系对方",
            Illegal::RedirectsUsed => "转办次数已用完；请作出决定",
            Illegal::NothingWithdrawn => "对方没有撤回；没有处理结果可报",
            Illegal::EffectReported => "这次撤回的处理结果已经报过；无需再报",
            Illegal::EraseAsked => "已经要求过删除；请等待确认",
            Illegal::NothingToErase => "没有要求过删除，也没有移交过身份信息；无需确认",
            Illegal::EraseConfirmed => "已经确认过删除；无需再确认",
            Illegal::DutyNotOwed => "事项现在等的不是这一步；请写明正在等的那一步",
            Illegal::NotOwedToYou => "这一步不是欠本方的；应由对方处理",
            Illegal::NoDueDate => "这一步没有约定期限；不存在逾期",
            Illegal::NotYetDue => "期限还没有过；请等到期限次日",
            Illegal::NoSilence => "对方回执签于期限届满之前；请先发催办，取得期限之后的回执",
            Illegal::HeardSince => "回执涉及这里还没有读到的消息；请先取得并阅读",
            Illegal::WindingDown => "协议收尾期内，已接收的事项还不能关闭；请等到收尾日期",
            Illegal::RemindEarly => "离期限还有一个工作日以上；请晚些再催办",
            Illegal::RemindAgain => "两个工作日内已经催办过；请等待",
        }
    }
}
