//! Why a message that is signed, and so takes its place in its lane, has no effect.
//!
//! Numbered and closed: the number travels in a receipt item. A *decision* about a person is
//! never here, it is a message of its own; nor is "too late", which only the case law can say.

use std::fmt;

/// What kind of trouble a refusal is: operations, evidence, or permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The two programs or settings do not fit: tell the operators.
    Incompatible,
    /// An honest node never sends this: keep it as evidence.
    Misbehaved,
    /// Outside what the agreement or the person allows.
    NotPermitted,
}

macro_rules! refusals {
    ($($name:ident = $number:literal, $class:ident, $zh:literal, $en:literal;)*) => {
        /// A technical refusal; see the module.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u32)]
        pub enum Refusal { $(#[doc = $en] $name = $number,)* }

        impl Refusal {
            /// All refusals, by number.
            pub const ALL: &'static [Refusal] = &[$(Refusal::$name),*];

            /// The number in a receipt item.
            pub fn number(self) -> u32 { self as u32 }

            /// The refusal of a number, or `None`.
            pub fn from_number(number: u32) -> Option<Refusal> {
                match number { $($number => Some(Refusal::$name),)* _ => None }
            }

            /// Its class.
            pub fn class(self) -> Class {
                match self { $(Refusal::$name => Class::$class,)* }
            }

            /// The name in reports and `--json`.
            pub fn name(self) -> &'static str {
                match self { $(Refusal::$name => stringify!($name),)* }
            }

            /// What happened and what to do, in Chinese.
            pub fn zh(self) -> &'static str {
                match self { $(Refusal::$name => $zh,)* }
            }

            /// What happened and what to do, in English.
            pub fn en(self) -> &'static str {
                match self { $(Refusal::$name => $en,)* }
            }
        }
    };
}

refusals! {
    Undecodable = 1, Misbehaved, "签名有效但内容不是规范编码，请升级或检查对方程序", "The signed bytes are not the canonical form of their payload type: check the sending program.";
    FrameMismatch = 2, Misbehaved, "外层标签与签名内容不一致", "The letter's frame differs from the signed header.";
    BadHeader = 3, Misbehaved, "消息头有误（双方、通道、套件或时间）", "A header field is wrong: parties, lane, suite or identifiers.";
    BadChain = 4, Misbehaved, "与本方已存的上一条消息不衔接", "lane_prev, leg_seq or leg_prev does not follow what is stored.";
    TimeWentBack = 5, Misbehaved, "创建时间早于同一通道的上一条消息", "created_unix_ms is earlier than the message before in this lane.";
    NoSuchLeg = 6, Incompatible, "该事项的首条消息已被拒收，事项不存在", "The first message of this leg was refused, so the leg does not exist.";
    KeyRevoked = 7, Incompatible, "签名密钥已停用，请用新密钥重新发送", "Signed with a revoked or retired key: send it again as a new message.";
    Equivocation = 8, Misbehaved, "同一编号出现两份不同内容", "An identifier that was used before appears with other bytes.";
    NoAgreement = 9, NotPermitted, "该版本的协作协议未生效", "The agreement version cited is not live here.";
    Suspended = 10, NotPermitted, "协作协议已暂停或终止，不接受新的申请", "The agreement is suspended or terminated: no new OFFER or REQUEST.";
    ServiceNotCovered = 11, NotPermitted, "协议不含该项服务", "The agreement does not cover this service.";
    DirectionNotCovered = 12, NotPermitted, "协议不含该方向", "The agreement does not cover this service in this direction.";
    OfficeNotCovered = 13, NotPermitted, "发出或收件机构不在协议中", "The sending or receiving office is not in the agreement.";
    SectionNotCovered = 14, NotPermitted, "协议不允许向该类机构提供此项信息", "The agreement does not open this section to this kind of office.";
    OutsideDates = 15, NotPermitted, "不在协议有效期内", "The message's date is outside the agreement's validity.";
    VersionWentBack = 16, Misbehaved, "协议版本倒退", "The agreement version cited is older than one this lane has cited.";
    CeilingReached = 17, NotPermitted, "已达到协议约定的在办上限", "The agreement's ceiling on open cases is reached.";
    SectionMismatch = 18, Misbehaved, "所附信息与签名摘要不符", "A section does not match the digest that was signed.";
    ConsentInvalid = 19, NotPermitted, "没有本人对此项服务和机构的有效同意", "No live consent of the person names this leg, office, purpose and section.";
    IllegalStep = 20, Misbehaved, "按办件规则此时不能做这一步", "The case law does not allow this step at the point its author had seen.";
    FollowsRefused = 21, Incompatible, "此步依赖一条已被拒收的消息", "The step would be legal only if its author's refused messages counted.";
    UnknownType = 22, Incompatible, "本版本不认识的消息种类", "This version does not know the message type in this lane.";
    BadBody = 23, Misbehaved, "消息正文缺项或与种类不符", "The body does not fit the message type, or a field has a wrong form.";
    ManifestUnknown = 24, Incompatible, "所引用的密钥清单版本不存在", "The key manifest version cited does not exist here.";
    TermsMissing = 25, Misbehaved, "未附用工条件或摘要不符", "The job terms are missing or do not match their digest.";
}

impl Refusal {
    /// Whether a message refused for this reason keeps its place in its leg, on both sides alike:
    /// not where its place there cannot be told or is not its own.
    pub fn takes_leg_place(self) -> bool {
        !matches!(
            self,
            Refusal::BadChain | Refusal::NoSuchLeg | Refusal::FrameMismatch | Refusal::Equivocation
        )
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {} {}", self.name(), self.number(), self.zh(), self.en())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_and_read_back() {
        for (i, refusal) in Refusal::ALL.iter().enumerate() {
            assert_eq!(refusal.number() as usize, i + 1);
            assert_eq!(Refusal::from_number(refusal.number()), Some(*refusal));
        }
        assert_eq!(Refusal::from_number(0), None);
    }
}
