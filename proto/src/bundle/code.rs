//! What can be wrong with a bundle. Closed, and stable: the names are part of `--json`.

use std::fmt;

macro_rules! codes {
    ($($name:ident $text:literal, $zh:literal, $en:literal;)*) => {
        /// One thing that does not hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $(#[doc = $en] $name,)* }

        impl Code {
            /// All codes.
            pub const ALL: &'static [Code] = &[$(Code::$name),*];

            /// The name in `--json`.
            pub fn name(self) -> &'static str { match self { $(Code::$name => $text,)* } }

            /// What does not hold, in Chinese.
            pub fn zh(self) -> &'static str { match self { $(Code::$name => $zh,)* } }

            /// What does not hold, in English.
            pub fn en(self) -> &'static str { match self { $(Code::$name => $en,)* } }
        }
    };
}

codes! {
    ZipDiffers "ZIP_DIFFERS", "压缩包字节与按规定重建的不一致", "The ZIP is not byte for byte the one that its files make.";
    ManifestSpelling "MANIFEST_SPELLING", "manifest.json 不是规定的写法", "manifest.json is not in its one spelling.";
    FileMissing "FILE_MISSING", "清单中的文件缺失", "A file of manifest.json is missing.";
    FileExtra "FILE_EXTRA", "有清单之外的文件", "There is a file that manifest.json does not list, or that has no place here.";
    FileDuplicate "FILE_DUPLICATE", "同一文件出现两次", "A file is there twice.";
    FileHash "FILE_HASH", "文件内容与清单摘要不符", "A file does not match its SHA-256 in manifest.json.";
    FileForm "FILE_FORM", "文件格式有误或与文件名不符", "A file has a wrong form, or its name is not that of its content.";
    ClaimDiffers "CLAIM_DIFFERS", "声明与内容重算结果不一致", "The claim is not what its files say.";
    ReportDiffers "REPORT_DIFFERS", "说明文件与规定文本不一致", "REPORT.txt is not the one that the claim makes.";
    NothingInIt "NOTHING_IN_IT", "包内没有任何消息", "There is no message in it.";
    RootNotGiven "ROOT_NOT_GIVEN", "未提供该城市的根密钥指纹，其签名无法核验", "The root fingerprint of this city was not given: nothing it signed can be verified.";
    RootMissing "ROOT_MISSING", "缺少该城市的根公钥", "The root public key of a city is missing.";
    ManifestFalse "MANIFEST_FALSE", "密钥清单未由根密钥签名或版本不衔接", "A key manifest is not signed by the root, or does not follow the version before.";
    ManifestMissing "MANIFEST_MISSING", "缺少所引用的密钥清单版本", "The key manifest version cited is missing.";
    SignatureFalse "SIGNATURE_FALSE", "签名无效", "A signature does not verify.";
    KeyUnknown "KEY_UNKNOWN", "签名密钥不在密钥清单中或没有该用途", "The signing key is in no manifest here, or may not sign this.";
    KeyOfAnother "KEY_OF_ANOTHER", "签名城市与所述发送方不同", "The key belongs to another city than the one that is said to sign.";
    KeyRevoked "KEY_REVOKED", "签名密钥在该位置之前已停用，属有争议", "The key was revoked before this position: the record is disputed.";
    KeyEarly "KEY_EARLY", "签名早于密钥的启用时间", "The key signed before its first moment: its manifest says from when on it may.";
    PolicyFalse "POLICY_FALSE", "日志策略中的密钥与密钥清单不符", "A log policy names a key that is not in the key manifests.";
    PolicyMissing "POLICY_MISSING", "缺少该城市的日志策略", "The log policy of a city is missing.";
    HeadFalse "HEAD_FALSE", "日志首部签名无效", "A log head is not signed by its log.";
    SplitView "SPLIT_VIEW", "同一日志同一大小出现两个不同的根：不当行为的证据", "Two signed heads of one log and size have different roots: proof of misbehaviour.";
    SeenHeadDiffers "SEEN_HEAD_DIFFERS", "消息引用的日志首部与该日志签名的首部不同", "A message quotes a head that is not the one its log signed at that size.";
    ConsistencyFalse "CONSISTENCY_FALSE", "一致性证明不成立", "A consistency proof does not hold.";
    SuccessorFalse "SUCCESSOR_FALSE", "日志换代声明不成立", "A successor statement is not signed by the city's root, or contradicts another one.";
    ProofFalse "PROOF_FALSE", "日志存在证明不成立", "A proof that a log holds a record does not hold.";
    ProofMissing "PROOF_MISSING", "缺少该城市日志的存在证明", "The proof that a city's log holds a record is missing.";
    AgreementMissing "AGREEMENT_MISSING", "缺少所引用的协作协议版本", "The agreement version cited is missing.";
    AgreementFalse "AGREEMENT_FALSE", "协作协议内容有误或当事方不符", "The agreement has a wrong form, or names other cities or roots.";
    AgreementNotSigned "AGREEMENT_NOT_SIGNED", "协作协议未经双方签署并存证", "The agreement is not proposed by one city and counter-signed by the other, in both logs.";
    NotAuthorised "NOT_AUTHORISED", "协作协议不允许此消息", "The agreement cited does not allow this message.";
    MessageForm "MESSAGE_FORM", "消息内容不合规范", "A signed payload has a wrong form.";
    LaneChain "LANE_CHAIN", "通道顺序不衔接", "Two records of a lane do not follow each other.";
    Equivocation "EQUIVOCATION", "同一编号出现两份不同内容", "One place or identifier stands for two different records.";
    ItemMissing "ITEM_MISSING", "缺少对方的回执条目", "The other city's receipt item of a message is missing.";
    ItemFalse "ITEM_FALSE", "回执条目与回执或消息不符", "A receipt item does not belong to the message or to the receipt.";
    ReceiptMissing "RECEIPT_MISSING", "缺少所引用的回执", "A receipt that is cited is missing.";
    ActMissing "ACT_MISSING", "缺少所引用的协议行为", "An agreement act that is cited is missing.";
    LegGap "LEG_GAP", "事项消息编号不连续", "A message of the leg is missing: the numbers of a side do not run from 1.";
    LegChain "LEG_CHAIN", "事项消息前后不衔接", "A message does not name the one before it in its leg, or one of the other side that is here.";
    StatementFalse "STATEMENT_FALSE", "事项声明与消息不符", "A side states that its last message in the leg is another one.";
    ConsentMissing "CONSENT_MISSING", "缺少所引用的同意书", "The consent cited is missing.";
    ConsentFalse "CONSENT_FALSE", "同意书不覆盖该事项、机构、用途或信息", "The consent does not cover this leg, office, purpose, section or day.";
    SectionFalse "SECTION_FALSE", "信息与签名摘要不符", "A section does not match the digest that was signed.";
    ErasureFalse "ERASURE_FALSE", "删除记录不成立", "An erasure is not confirmed by what it names, or not proven in the city's local log at that time.";
    PackLaneGap "PACK_LANE_GAP", "期间内的消息编号有缺失", "A message of the period is missing: the numbers of a lane do not run through.";
    Unreferenced "UNREFERENCED", "文件与包内任何记录无关", "A file belongs to no record in the bundle.";
    CaseLaw "CASE_LAW", "办件规则复核不一致", "The case law does not allow a message that was not refused, or allows one that was refused by it.";
}

/// One thing that does not hold, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// What.
    pub code: Code,
    /// The file, or empty where it concerns the whole.
    pub file: String,
    /// The field, city or standard that it is about; for programmers, English, may be empty.
    pub detail: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (code, file, detail) = (self.code, &self.file, &self.detail);
        write!(f, "{} {file} {detail}: {} {}", code.name(), code.zh(), code.en())
    }
}

/// Collects failures while the checks go on: one fault must not hide the next.
#[derive(Debug, Default)]
pub(super) struct Failures(Vec<Failure>);

impl Failures {
    pub(super) fn add(&mut self, code: Code, file: impl Into<String>, detail: impl Into<String>) {
        let failure = Failure { code, file: file.into(), detail: detail.into() };
        if !self.0.contains(&failure) {
            self.0.push(failure);
        }
    }

    pub(super) fn into_sorted(mut self) -> Vec<Failure> {
        self.0.sort();
        self.0
    }
}
