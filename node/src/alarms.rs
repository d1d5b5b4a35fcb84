//! What operators are told of: every kind of alarm with what happened and what to do next, in words.

/// Kind, Chinese, English. A kind is a word of the table `alarm`, stable for programs.
const WORDS: &[(&str, &str, &str)] = &[
    (
        "bad-cosignature",
        "该城市的联署签名不成立，未采用；若再次出现，请致电对方",
        "its cosignature does not verify and was not used; if it comes again, telephone",
    ),
    (
        "bad-finding",
        "该城市所称的不当行为证据什么也证明不了，未采用",
        "what it called a proof of misbehaviour proves nothing and was not used",
    ),
    (
        "bad-pack",
        "该城市公布的数据包有误，未收下；请告知对方",
        "a pack that it announced is none and was not taken: tell them",
    ),
    (
        "calendar-file",
        "配置的日历文件不能采用；请改正 jieli.toml 中的日历",
        "the calendar file of the configuration cannot be used: put it right",
    ),
    (
        "consistency-not-proved",
        "该城市没有证明其日志前后一致，未联署；请致电对方",
        "it did not prove that its log only grew, so nothing was cosigned: telephone",
    ),
    (
        "correction-asked-and-not-answered",
        "本人要求的更正已到期，无人答复；请窗口今天处理",
        "a correction that a person asked for is due and nobody answered: see to it today",
    ),
    (
        "erasure-asked-and-not-done",
        "本人要求的删除已到期，仍有信息未删；请窗口今天处理",
        "an erasure that a person asked for is due and something is still held: see to it today",
    ),
    (
        "flag-raised",
        "对一项协议提出了风险提示，对方审核人员须答复",
        "a risk flag was raised about an agreement; the other city's reviewer has to answer",
    ),
    (
        "flag-refused",
        "对方没有接受风险提示或其答复；请审核人员查看",
        "a risk flag, or an answer to one, was refused there: a reviewer should look",
    ),
    (
        "flag-suspends",
        "风险提示逾期无人答复，该协议不再办理新事项；请审核人员答复",
        "nobody answered a risk flag in time, so nothing new goes under the agreement: answer it",
    ),
    (
        "fork",
        "该城市的日志分成两份，证据已保存；请停止新的往来并致电对方",
        "its log has two histories, the proof is kept: send nothing new, and telephone",
    ),
    (
        "hazardous-post-for-a-minor",
        "向未满十八岁的人提供危险岗位，条件没有给本人看；请与对方联系",
        "a hazardous post was offered to somebody under eighteen; its terms were not shown: telephone",
    ),
    (
        "inconsistent-heads",
        "该城市签署的日志首部互相矛盾；请保存证据并致电对方",
        "it signed heads of its log that contradict each other: keep the proof, and telephone",
    ),
    (
        "key-revoked",
        "该城市停用了密钥，此前的部分记录有争议；见 jieli key disputed",
        "it revoked a key: some records are disputed, see `jieli key disputed`",
    ),
    (
        "lane-equivocation",
        "同一编号收到两份不同的信件，证据已保存；请致电对方",
        "one place came with two different letters, the proof is kept: telephone",
    ),
    (
        "log-restored",
        "该城市从备份还原并已说明；收发照常",
        "it rebuilt its log after a restore and said so; traffic goes on",
    ),
    (
        "log-unbroken",
        "该城市已证明日志完整；收发照常",
        "it has proved that its log is whole; traffic goes on",
    ),
    (
        "log-went-back",
        "该城市的日志变短；在对方说明之前不收新信件，请致电对方",
        "its log went back; nothing new is taken until it says why: telephone",
    ),
    (
        "manifest-refused",
        "对方没有接受本市的密钥清单；请致电对方并重新交换",
        "it refused this city's key manifest: telephone, and exchange it anew",
    ),
    (
        "mirror-differs",
        "该城市日志的内容推不出它签署的首部；请致电对方",
        "what it gives of its log does not lead to the head it signed: telephone",
    ),
    (
        "misbehaviour",
        "该城市发来不允许的信件，已拒收并保存；请致电对方",
        "it sent what may not be sent; it was refused and kept: telephone",
    ),
    (
        "needs-taker",
        "有办件无人承办；请指定承办人",
        "a case has nobody who handles it: name a taker",
    ),
    (
        "not-sent-again",
        "密钥停用后，一封信件不能重新签署发出；请窗口查看该办件",
        "after a key was revoked, a letter could not be signed and sent again: look at its case",
    ),
    (
        "own-log-went-back",
        "伙伴城市持有的本市日志比数据库多；请运行 jieli repair",
        "a partner holds more of this city's log than the database: run `jieli repair`",
    ),
    (
        "own-message-refused",
        "对方没有接受本市的一封信件；请窗口查看该办件",
        "it refused a message of this city: look at its case",
    ),
    (
        "queue-held",
        "发往该城市的信件被暂停；到时自动恢复，或用 jieli queue retry",
        "letters to it are held; they go on by themselves, or with `jieli queue retry`",
    ),
    (
        "reconcile",
        "与该城市对账有差异；见 jieli reconcile --list",
        "the lanes with it differ: see `jieli reconcile --list`",
    ),
    (
        "self-audit",
        "自查发现数据库与存证不符；请停止改动并运行 jieli self-audit",
        "the audit of the own records found something: change nothing, run `jieli self-audit`",
    ),
    (
        "slot-too-soon",
        "名额期限太短，本人来不及阅读条件，条件没有发出；请对方延长",
        "the place is kept too short a time to read the terms, which were not opened: ask for longer",
    ),
    (
        "split-view",
        "该城市对同一大小的日志签署了两个不同的根，证据已保存；请致电对方",
        "it signed two roots of one log and size, the proof is kept: telephone",
    ),
    (
        "statement-refused",
        "该城市关于其日志的声明不成立；仍不收新信件，请致电对方",
        "what it states about its log does not hold; nothing new is taken: telephone",
    ),
    (
        "successor-not-asked",
        "承接机构需要本人重新同意，但本人没有可用的手机；请由接收窗口当面询问",
        "the person has to agree to the office that took over and has no phone: ask at the other window",
    ),
    (
        "under-age-for-a-job",
        "收到未满十六岁者的就业结果，未采用；请与对方联系并上报",
        "a job of somebody under sixteen was reported and not taken in: telephone, and report it",
    ),
    (
        "wrong-proof",
        "该城市的日志证明不了它自己的记录；请致电对方",
        "its log does not show its own record: telephone",
    ),
    (
        "wrong-receipt",
        "该城市的回执不成立，信件仍在等待；若再次出现，请致电对方",
        "a receipt of it does not hold and the letter waits on; if it comes again, telephone",
    ),
    (
        "wrong-statement",
        "该城市关于一个事项的声明不成立，未采用",
        "what it states about a leg does not hold and was not used",
    ),
];

/// Begins the kinds of what ends soon; the days follow.
const EXPIRES: &str = "expires-";

/// What a kind means: Chinese, English.
pub(crate) fn words(kind: &str) -> Option<[&'static str; 2]> {
    if kind.starts_with(EXPIRES) {
        return Some(["即将到期", "something ends soon"]);
    }
    WORDS.iter().find(|(known, _, _)| *known == kind).map(|(_, zh, en)| [*zh, *en])
}

/// An alarm as a person reads it: first Chinese, then English, parted by "。 ".
pub(crate) fn told(kind: &str, city: &str, detail: &str) -> String {
    let Some([zh, en]) = words(kind) else { return format!("{kind} {city}: {detail}") };
    match detail.split_once("。 ") {
        Some((more_zh, more_en)) => format!("{city}：{zh}。{more_zh}。 {city}: {en}. {more_en}"),
        None if detail.is_empty() => format!("{city}：{zh}。 {city}: {en}."),
        None => format!("{city}：{zh}（{detail}）。 {city}: {en} ({detail})."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_kind_stands_once_and_in_both_languages() {
        let kinds: BTreeSet<&str> = WORDS.iter().map(|(kind, _, _)| *kind).collect();
        assert_eq!(kinds.len(), WORDS.len());
        for (kind, zh, en) in WORDS {
            assert!(zh.chars().any(|c| !c.is_ascii()) && !zh.contains('。'), "{kind}");
            assert!(en.is_ascii() && !en.ends_with('.'), "{kind}");
        }
    }

    /// Those named where they are raised; a build with debug assertions asks at every alarm.
    #[test]
    fn every_kind_in_the_sources_has_words() {
        let mut folders =
            vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
        let mut seen = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                if path.ends_with("alarms.rs") {
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                for part in text.split("alarm(").skip(1) {
                    let Some(rest) = part.trim_start().strip_prefix('"') else { continue };
                    let kind = rest.split('"').next().unwrap();
                    assert!(words(kind).is_some(), "{kind} in {}", path.display());
                    seen += 1;
                }
            }
        }
        assert!(seen > 20, "{seen}");
    }

    #[test]
    fn what_is_told_can_be_parted_by_language() {
        let plain = told("wrong-proof", "ruian.zj", "leaf 7");
        let (zh, en) = plain.split_once("。 ").unwrap();
        assert_eq!(zh, "ruian.zj：该城市的日志证明不了它自己的记录；请致电对方（leaf 7）");
        assert_eq!(en, "ruian.zj: its log does not show its own record: telephone (leaf 7).");
        let both = told("expires-7", "ruian.zj", "2026-12-01 密钥到期。 2026-12-01: a key ends.");
        let (zh, en) = both.split_once("。 ").unwrap();
        assert_eq!(zh, "ruian.zj：即将到期。2026-12-01 密钥到期");
        assert_eq!(en, "ruian.zj: something ends soon. 2026-12-01: a key ends.");
        assert_eq!(told("of-a-later-release", "x.yz", "?"), "of-a-later-release x.yz: ?");
    }
}
