//! What an alarm of each kind means, and what is to be done.

use super::{Word, w};

/// The kinds that the node raises, `expires-…` for all days beforehand.
const ALARMS: [(&str, Word); 39] = [
    (
        "bad-cosignature",
        w(
            "对方城市寄来的联署核验不通过，没有采用。请电话告知对方；反复出现时请查“违规证据”。",
            "A cosignature of that city does not verify and was not taken. Telephone it; if it comes again, look at the findings.",
        ),
    ),
    (
        "bad-finding",
        w(
            "对方城市说有违规证据，但那份文件什么也证明不了。请电话问明；本市没有采用。",
            "What that city told as a proof of misbehaviour proves nothing and was not taken. Telephone and ask.",
        ),
    ),
    (
        "bad-pack",
        w(
            "对方城市给的日历或代码表不合格，没有采用，仍用原来的。请告知对方重新签发。",
            "A pack (calendar, code list) of that city is not good and was not taken; the one before stays in use. Ask it to sign a new one.",
        ),
    ),
    (
        "calendar-file",
        w(
            "本机的日历文件读不出来或不合格，仍用原来的日历。请改正 jieli.toml 所写的文件后重启。",
            "The calendar file of this machine cannot be used; the calendar before stays in use. Put right the file named in jieli.toml and restart.",
        ),
    ),
    (
        "consistency-not-proved",
        w(
            "对方城市没有证明它的日志只是接着增长，本市不为它联署。请电话请对方检查；不会丢失信件。",
            "That city did not prove that its log only grew: it is not cosigned. Telephone and have it look; no letter is lost.",
        ),
    ),
    (
        "correction-asked-and-not-answered",
        w(
            "本人要求更正，期限已过仍未答复。请办理该事项的岗位今天处理。",
            "A person asked for a correction and was not answered in time. The desk that has this item is to deal with it today.",
        ),
    ),
    (
        "district-without-desk",
        w(
            "有一件申请属于某片区，但该片区的机构在本节点没有经办人，申请留在原机构。请为该机构设经办令牌，或改 [[desk.windows]] 的 districts。",
            "An offer is for a district whose office has no clerk at this node: it stays where it came. Make a clerk's token for that office, or change districts under [[desk.windows]].",
        ),
    ),
    (
        "erasure-asked-and-not-done",
        w(
            "本人要求删除，期限已过仍未完成。请办理该事项的岗位今天处理，或写明依法保留的理由。",
            "A person asked for erasure and it was not done in time. The desk that has this item is to do it today, or to state the legal reason to keep.",
        ),
    ),
    (
        "expires",
        w(
            "有密钥、协议、证书或答复期限即将到期。请在到期日之前更新，见“即将到期”。",
            "A key, an agreement, a certificate or a date to answer by ends soon. Renew it before its day; see what ends soon.",
        ),
    ),
    (
        "flag-raised",
        w(
            "对一份协议提出了风险提示。请合规审阅岗位在期限内查看并答复。",
            "A flag was raised on an agreement. Compliance is to look at it and answer in time.",
        ),
    ),
    (
        "flag-refused",
        w(
            "风险提示或它的答复没有被接受，不产生任何效力。请合规审阅岗位核对两市的数字。",
            "A flag, or the answer to one, was not taken and has no effect. Compliance is to compare both cities' figures.",
        ),
    ),
    (
        "flag-suspends",
        w(
            "风险提示到期没有答复，该协议不再收发新的办件。请合规审阅岗位答复；进行中的办件不受影响。",
            "A flag was not answered in time: nothing new is sent or taken under that agreement. Compliance is to answer; open items go on.",
        ),
    ),
    (
        "fork",
        w(
            "对方城市签署了两份互相矛盾的日志。证据已保存。请停止依赖它的新记录，并按协议书面交涉。",
            "That city signed two logs that contradict each other. The proof is kept. Do not rely on new records of it; take it up in writing under the agreement.",
        ),
    ),
    (
        "hazardous-post-for-a-minor",
        w(
            "有人未满十八周岁，却对应了禁止未成年人从事的岗位，没有询问本人。请撤回该事项。",
            "A person under eighteen was matched with a post forbidden to minors; nobody was asked. Take the item back.",
        ),
    ),
    (
        "inconsistent-heads",
        w(
            "对方城市给出的日志头前后不一致，没有采用。请电话请对方检查是否还原了旧备份。",
            "Log heads of that city do not fit together and were not taken. Telephone: has it put back an old copy?",
        ),
    ),
    (
        "key-revoked",
        w(
            "一把密钥被撤销，它在所写位置之后签的内容存疑。请看“存疑记录”，并确认是真的撤销。",
            "A key was revoked; what it signed past the stated place is disputed. See the disputed records and make sure that the revocation is meant.",
        ),
    ),
    (
        "lane-equivocation",
        w(
            "对方城市在同一位置签了两封不同的信。证据已保存，先到的一封有效。请按协议书面交涉。",
            "That city signed two different letters for one place. The proof is kept, the first one stands. Take it up in writing under the agreement.",
        ),
    ),
    (
        "log-restored",
        w(
            "对方城市还原了日志并签署了声明，已恢复收发。请看声明中写明丢失了哪些记录。",
            "That city rebuilt its log and signed a statement; traffic goes on. Read in it which records were lost.",
        ),
    ),
    (
        "log-unbroken",
        w(
            "对方城市的日志又与本市所持的一致，已恢复收信。无需处理。",
            "That city's log again continues what is held here: letters are taken again. Nothing is to be done.",
        ),
    ),
    (
        "log-went-back",
        w(
            "对方城市的日志比它签署过的短，很可能还原了旧备份，暂不收其新信。请电话请对方按手册修复。",
            "That city's log is shorter than what it signed, probably an old copy: nothing new of it is taken. Telephone and have it repaired by the runbook.",
        ),
    ),
    (
        "manifest-refused",
        w(
            "对方城市的新密钥清单核验不通过，仍用原来的。请电话核对根密钥指纹六组数字。",
            "A new list of keys of that city does not verify; the one before stays in use. Compare the six groups of its root fingerprint by telephone.",
        ),
    ),
    (
        "mirror-differs",
        w(
            "从对方城市取回的日志与它签署的日志头不符，没有采用。请电话请对方检查存储。",
            "What was fetched of that city's log does not lead to the head it signed and was not taken. Telephone and have it check its storage.",
        ),
    ),
    (
        "misbehaviour",
        w(
            "对方城市发来一封不该发出的信，已拒收并留下证据。请看“违规证据”，并按协议交涉。",
            "That city sent a letter that it could not have sent in good order; it was refused and kept. See the findings and take it up under the agreement.",
        ),
    ),
    (
        "needs-taker",
        w(
            "办理人的岗位已撤销，名下事项无人办理。请同一机构的同事在队列中接手。",
            "Items have nobody any more, for their handler's token is gone. A colleague of that office is to take them over in the queue.",
        ),
    ),
    (
        "not-sent-again",
        w(
            "有一封用已撤销密钥签的信没能重新签发。请按所写原因处理，再由办理岗位重新办理这一步。",
            "A letter signed with a revoked key could not be said again. See the reason and have the desk take the step once more.",
        ),
    ),
    (
        "own-log-went-back",
        w(
            "本市数据库比本市签署过的旧，节点已停止签署。请立即按手册“还原与修复”处理，不要再用旧备份。",
            "The database is older than what this city signed: the node signs nothing. Repair it now by the runbook, and put no old copy back.",
        ),
    ),
    (
        "own-message-refused",
        w(
            "本市发出的一封信被对方拒收，没有效力。请办理岗位查看原因，改正后重新办理。",
            "A letter of this city was refused by the other one and has no effect. The desk is to see why, and to take the step once more.",
        ),
    ),
    (
        "queue-held",
        w(
            "运行人员暂停了给该城市的信件，到时自动恢复。提前恢复请按“恢复”。",
            "An operator holds the letters to that city back; it ends by itself. To end it now, press release.",
        ),
    ),
    (
        "reconcile",
        w(
            "两市记录有不一致。请合规审阅岗位打开对账结果，逐条与对方核对。",
            "Both cities' records differ. Compliance is to open the comparison and go through it with the other city.",
        ),
    ),
    (
        "self-audit",
        w(
            "自查发现存储的内容与重新计算的不符。请保留现场，做一份备份，按手册检查磁盘和数据库。",
            "The self-audit found that what is stored is not what was worked out anew. Keep things as they are, make a copy, and check disk and database by the runbook.",
        ),
    ),
    (
        "slot-too-soon",
        w(
            "对方给的报到时间太早，本人来不及看满一天的工作条件，没有询问本人。请对方另给时间。",
            "The day that the other city named leaves the person no full day to read the terms: nobody was asked. Have it name a later one.",
        ),
    ),
    (
        "split-view",
        w(
            "对方城市给不同的人看了不同的日志。证据已保存。请与其他城市核对，并按协议书面交涉。",
            "That city showed different logs to different parties. The proof is kept. Compare with other cities and take it up in writing.",
        ),
    ),
    (
        "statement-refused",
        w(
            "对方城市关于还原日志的声明核验不通过，仍不收其新信。请电话请对方重新签署。",
            "That city's statement about its log does not hold; nothing new of it is taken. Telephone and have it signed anew.",
        ),
    ),
    (
        "successor-not-asked",
        w(
            "转到新机构后的事项没能再次询问本人。请办理岗位查看该事项并改正所缺内容。",
            "An item in the place of another could not be asked about. The desk is to look at it and fill in what is missing.",
        ),
    ),
    (
        "under-age-for-a-job",
        w(
            "有人不满法定就业年龄，这项工作没有发出。请撤销该事项，并核对出生日期。",
            "A person is under the legal age for work: the item was refused. End it, and check the date of birth.",
        ),
    ),
    (
        "webhook-dead",
        w(
            "推送给其他系统的消息三天没有送到，已放弃。请修好对方系统，然后运行 jieli webhook retry。",
            "What was to be told to another system was given up after three days. Put that system right and run `jieli webhook retry`.",
        ),
    ),
    (
        "wrong-proof",
        w(
            "对方城市的日志证明不了它自己的记录，没有采用。请电话请对方检查。",
            "That city's log does not show its own record; the proof was not taken. Telephone and have it look.",
        ),
    ),
    (
        "wrong-receipt",
        w(
            "对方城市的回执与所发的信不符，不产生效力。系统会继续索取；反复出现请电话联系。",
            "A receipt of that city does not fit what was sent and has no effect. It is asked for again; telephone if it goes on.",
        ),
    ),
    (
        "wrong-statement",
        w(
            "对方城市对一件办件的签名说明与本市记录不符。请合规审阅岗位对账。",
            "What that city signed about an item does not fit the records here. Compliance is to compare both cities' records.",
        ),
    ),
];

/// What an alarm of this kind means and what to do; nothing for a kind that is not raised.
pub fn alarm(kind: &str) -> Option<Word> {
    let kind = if kind.starts_with("expires-") { "expires" } else { kind };
    let found = ALARMS.iter().find(|(known, _)| *known == kind);
    found.map(|(_, word)| *word)
}

/// Every kind with words.
pub fn alarm_kinds() -> impl Iterator<Item = &'static str> {
    ALARMS.iter().map(|(kind, _)| *kind)
}
