//! What must never exist: the deny list over proto fields, SQL columns, JSON names, import
//! headings and screens (rule V10). One list, three scripts, so that a test and the import of
//! sheets cannot disagree.
//!
//! A name is cut into words at `_`, `-`, spaces, digits and changes of case; an English or
//! pinyin entry matches whole consecutive words, so "party" is found in `PartyMember` and
//! `party_id` but not in `partial`. Chinese entries match anywhere in the hanzi of the name.

/// One topic that must not exist, with the words that give it away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The topic in English: what [`is_forbidden`] answers.
    pub topic: &'static str,
    /// The topic in Chinese.
    pub topic_zh: &'static str,
    /// Chinese words, separated by spaces; a name that contains one is forbidden.
    pub zh: &'static str,
    /// English and pinyin, lower case, separated by spaces, each without separators: `nativeplace` stands for
    /// `native_place`, `nativePlace`, `NATIVE PLACE` and `nativeplace`. A plural s is ignored.
    pub latin: &'static str,
}

/// The topic a name touches, or `None` if the name may exist.
pub fn is_forbidden(name: &str) -> Option<&'static str> {
    find(name).map(|denied| denied.topic)
}

/// As [`is_forbidden`], with the whole entry.
pub fn find(name: &str) -> Option<&'static Denied> {
    let hanzi = hanzi_of(name);
    let words = words_of(name);
    DENIED.iter().find(|denied| {
        denied.zh.split(' ').any(|entry| hanzi.contains(entry))
            || denied.latin.split(' ').any(|entry| has_words(&words, entry))
    })
}

/// The deny list.
pub const DENIED: &[Denied] = &[
    Denied {
        topic: "ethnicity",
        topic_zh: "民族",
        zh: "民族 族别 族裔 种族 少数民族",
        latin: "ethnic ethnicity ethnicgroup race racial minority nationality minzu zubie",
    },
    Denied {
        topic: "religion",
        topic_zh: "宗教信仰",
        zh: "宗教 信仰 教派 信教",
        latin: "religion religious faith belief zongjiao xinyang zongjiaoxinyang",
    },
    Denied {
        topic: "politics",
        topic_zh: "政治面貌",
        zh: "政治 党员 党派 政党 党籍 党组织 党支部 入党 团员 是否党 党龄",
        latin: "politics political party partymember politicalstatus leaguemember communist \
              zhengzhi mianmao zhengzhimianmao dangyuan dangpai tuanyuan dangzuzhi",
    },
    Denied {
        topic: "thought, attitude or stability marks",
        topic_zh: "思想、态度、维稳标记",
        zh: "思想 态度 维稳 稳定性 忠诚 意识形态 重点人员 关注人员 管控",
        latin: "thought attitude stability loyalty ideology ideological sixiang taidu weiwen \
              wendingxing zhongdianrenyuan",
    },
    Denied {
        topic: "biometrics or photographs",
        topic_zh: "生物特征或照片",
        zh: "照片 相片 头像 人像 指纹 人脸 面部 虹膜 声纹 生物特征 寸照 证件照",
        latin: "photo photograph portrait selfie headshot avatar biometric fingerprint facial \
              faceimage facescan faceid iris voiceprint dna zhaopian touxiang zhiwen renlian \
              hongmo shengwen",
    },
    Denied {
        topic: "location traces",
        topic_zh: "行踪轨迹",
        zh: "轨迹 行踪 定位 经纬度 经度 纬度",
        latin: "gps latitude longitude geolocation locationtrace locationhistory trajectory \
              whereabouts guiji xingzong dingwei",
    },
    Denied {
        topic: "score, points, credit or blacklist",
        topic_zh: "评分、积分、信用或黑名单",
        zh: "积分 评分 打分 得分 信用 征信 失信 黑名单 红名单 风险等级",
        latin: "score scoring points rating credit blacklist watchlist jifen pingfen xinyong \
              zhengxin shixin heimingdan",
    },
    Denied {
        topic: "poverty-list label",
        topic_zh: "贫困标签",
        zh: "贫困 建档立卡 脱贫 低保 特困 扶贫",
        latin: "poverty poor destitute pinkun pinkunhu jiandanglika tuopin dibao tekun",
    },
    Denied {
        topic: "marital or fertility data",
        topic_zh: "婚育情况",
        zh: "婚姻 婚否 已婚 未婚 婚育 离异 生育 怀孕 孕期 节育 避孕",
        latin: "marital maritalstatus marriage married divorced fertility pregnancy pregnant \
              contraception hunyin hunfou hunyu shengyu huaiyun jieyu",
    },
    Denied {
        topic: "native place",
        topic_zh: "籍贯",
        zh: "籍贯 祖籍 出生地 户籍地 户口所在地 原籍 户籍地址 户籍所在地",
        latin: "nativeplace birthplace placeofbirth hometown ancestralhome jiguan zuji \
              chushengdi hujidi hukousuozaidi",
    },
    Denied {
        topic: "criminal, petition or travel record",
        topic_zh: "犯罪、信访或出行记录",
        zh: "犯罪 前科 违法 案底 刑事 信访 上访 拘留 出入境记录 出行记录 涉案",
        latin: "criminal crime conviction convicted arrest policerecord petition petitioner \
              travelrecord travelhistory itinerary fanzui qianke weifa xinfang shangfang andi \
              wufanzuizhengming",
    },
    Denied {
        topic: "diagnosis or test result",
        topic_zh: "诊断或检验结果",
        zh: "诊断 病史 疾病 病情 病历 体检 化验 检测结果 健康状况 血型 核酸 艾滋",
        latin: "diagnosis diagnoses disease illness medicalrecord medicalhistory testresult hiv \
              bloodtype healthstatus zhenduan bingshi jibing tijian jiankangzhuangkuang \
              xuexing",
    },
    Denied {
        topic: "bills or bank card",
        topic_zh: "账单或银行卡",
        zh: "银行卡 银行账 开户行 卡号 账单 发票",
        latin: "bill invoice bankcard bankaccount iban yinhangka yinhangkahao \
              kaihuhang zhangdan",
    },
    Denied {
        topic: "school marks or discipline",
        topic_zh: "成绩或处分",
        zh: "成绩 分数 处分 违纪 操行 排名",
        latin: "schoolmark exammark examresult gpa discipline disciplinary chengji fenshu chufen \
              weiji",
    },
    Denied {
        topic: "social-media accounts",
        topic_zh: "社交账号",
        zh: "微信 微博 抖音 快手 社交账号",
        latin: "wechat weixin weibo qq douyin kuaishou tiktok facebook socialmedia",
    },
    Denied {
        topic: "relatives outside the case",
        topic_zh: "办件以外的亲属",
        zh: "亲属 亲戚 家庭成员 社会关系 父亲 母亲 兄弟 姐妹",
        latin: "relative kinship nextofkin familymember father mother qinshu \
              jiatingchengyuan shehuiguanxi fuqin muqin",
    },
    Denied {
        topic: "free text about a person",
        topic_zh: "对个人的自由描述",
        zh: "备注 评语 评价 现实表现 情况说明 特殊情况 其他情况",
        latin: "remark comment freetext appraisal beizhu pingyu pingjia xianshibiaoxian",
    },
    // Not of the "never" list, but never sent: an office sees them on the document.
    Denied {
        topic: "sex or birth date",
        topic_zh: "性别或出生日期",
        zh: "性别 出生日期 出生年月 生日 年龄",
        latin: "sex gender birthdate birthday dateofbirth dob age xingbie chushengriqi shengri \
              nianling",
    },
    // Housing never names an address; offices and workplaces have theirs.
    Denied {
        topic: "home address",
        topic_zh: "住址",
        zh: "住址 家庭地址 居住地址 家庭住址 详细地址",
        latin: "homeaddress residentialaddress currentaddress zhuzhi jiatingzhuzhi",
    },
];

/// Phrases with an innocent meaning, taken out of a name before it is judged.
const ALLOWED_ZH: &[&str] = &["信用代码", "密钥指纹", "证书指纹", "根指纹", "年龄段"];
const ALLOWED_WORDS: &[&[&str]] = &[
    &["credit", "code"],
    &["end", "points"],
    &["age", "band"],
    &["root", "fingerprint"],
    &["key", "fingerprint"],
    &["cert", "fingerprint"],
    &["third", "party"],
    &["counter", "party"],
    &["min", "age"],
];

fn hanzi_of(name: &str) -> String {
    let hanzi = name.chars().filter(|c| !c.is_ascii() && c.is_alphabetic()).collect::<String>();
    ALLOWED_ZH.iter().fold(hanzi, |hanzi, phrase| hanzi.replace(phrase, ""))
}

/// The lower-case ASCII words of a name, without the allowed phrases. A gap is an empty word, so
/// that what stood apart is not joined.
fn words_of(name: &str) -> Vec<String> {
    let folded: Vec<char> = name.chars().map(crate::number::fold_char).collect();
    let mut words = vec![String::new()];
    for (i, &c) in folded.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| folded[i]);
        let after = folded.get(i + 1);
        let starts = c.is_ascii_uppercase()
            && (before.is_some_and(|b| b.is_ascii_lowercase())
                || (before.is_some_and(|b| b.is_ascii_uppercase())
                    && after.is_some_and(|a| a.is_ascii_lowercase())));
        if (starts || !c.is_ascii_alphabetic()) && words.last().is_some_and(|w| !w.is_empty()) {
            words.push(String::new());
        }
        if c.is_ascii_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.push(c.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    for phrase in ALLOWED_WORDS {
        while let Some(at) = words.windows(phrase.len()).position(|w| phrase_fits(w, phrase)) {
            words.splice(at..at + phrase.len(), [String::new()]);
        }
    }
    words
}

fn phrase_fits(words: &[String], phrase: &[&str]) -> bool {
    words.iter().zip(phrase).all(|(word, part)| singular(word) == singular(part))
}

fn singular(word: &str) -> &str {
    word.strip_suffix('s').unwrap_or(word)
}

/// Whether consecutive words, written together, are the entry.
fn has_words(words: &[String], entry: &str) -> bool {
    (0..words.len()).any(|from| {
        let mut joined = String::new();
        words[from..].iter().take_while(|word| !word.is_empty()).any(|word| {
            joined.push_str(word);
            joined == entry || joined.strip_suffix('s') == Some(entry)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_found() {
        for (name, topic) in [
            ("民族", "ethnicity"),
            ("民 族*", "ethnicity"),
            ("务工人员政治面貌（必填）", "politics"),
            ("ethnicGroup", "ethnicity"),
            ("ETHNIC_GROUP", "ethnicity"),
            ("min_zu", "ethnicity"),
            ("minzu", "ethnicity"),
            ("ZhengZhiMianMao", "politics"),
            ("party", "politics"),
            ("PartyMember", "politics"),
            ("is_party_member", "politics"),
            ("nativeplace", "native place"),
            ("native_place", "native place"),
            ("NativePlace", "native place"),
            ("籍贯", "native place"),
            ("maritalStatus", "marital or fertility data"),
            ("photos", "biometrics or photographs"),
            ("ｐｈｏｔｏ", "biometrics or photographs"),
            ("worker.photo_url", "biometrics or photographs"),
            ("GPSTrack", "location traces"),
            ("HIVStatus", "diagnosis or test result"),
            ("credit_score", "score, points, credit or blacklist"),
            ("信用分", "score, points, credit or blacklist"),
            ("bankCardNumber", "bills or bank card"),
            ("备注", "free text about a person"),
            ("remarks", "free text about a person"),
            ("无犯罪证明", "criminal, petition or travel record"),
            ("wechat_id", "social-media accounts"),
            ("date_of_birth", "sex or birth date"),
            ("QQ号", "social-media accounts"),
        ] {
            assert_eq!(is_forbidden(name), Some(topic), "{name}");
        }
    }

    #[test]
    fn innocent_names_are_not() {
        for name in [
            "partial",
            "parties",
            "department",
            "third_party",
            "counterparty",
            "credit_code",
            "creditCode",
            "employer_credit_code",
            "统一社会信用代码",
            "end_points",
            "endpoint",
            "root_fingerprint",
            "age_band",
            "stage",
            "message",
            "page",
            "package",
            "language",
            "coverage",
            "agency",
            "trace_id",
            "interface",
            "workplace",
            "wages",
            "billing_free",
            "checkpoint",
            "checkpoints",
            "grade",
            "siblings_together",
            "skill_level",
            "household_size",
            "relation",
            "name",
            "姓名",
            "证件类型",
            "意向城市",
            "医保参保类型",
            "embrace",
            "grace",
            "supports",
            "bellwether",
            "essex",
            "irish",
            "good",
            "travel_paid_by",
        ] {
            assert_eq!(is_forbidden(name), None, "{name}");
        }
    }

    #[test]
    fn every_entry_finds_its_own_topic() {
        for denied in DENIED {
            for word in denied.zh.split(' ').chain(denied.latin.split(' ')) {
                assert!(is_forbidden(word).is_some(), "{word}");
                let padded = format!("worker_{word}_x");
                assert!(is_forbidden(&padded).is_some(), "{padded}");
            }
            for word in denied.latin.split(' ') {
                assert!(word.bytes().all(|b| b.is_ascii_lowercase()), "{word}");
            }
        }
    }
}
