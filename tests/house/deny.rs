//! The one place where these tests learn which names may not exist.
//! Replace the function by `pub(crate) use jieli_proto::deny::is_forbidden;` once that is there.

const FORBIDDEN: &[&str] = &[
    "ethnic",
    "ethnicity",
    "minzu",
    "religion",
    "religious",
    "zongjiao",
    "political",
    "politics",
    "party_member",
    "dangyuan",
    "zhengzhi",
    "thought",
    "sixiang",
    "attitude",
    "stability",
    "wending",
    "biometric",
    "biometrics",
    "photo",
    "photograph",
    "face",
    "iris",
    "zhaopian",
    "location",
    "gps",
    "score",
    "scores",
    "points",
    "jifen",
    "credit_score",
    "credit_rating",
    "blacklist",
    "poverty",
    "marital",
    "marriage",
    "hunyin",
    "fertility",
    "native_place",
    "jiguan",
    "criminal",
    "petition",
    "shangfang",
    "travel_record",
    "diagnosis",
    "test_result",
    "bank_card",
    "bank_account",
    "bill",
    "bills",
    "marks",
    "discipline",
    "wechat",
    "weixin",
    "social_media",
    "relatives",
    "remark",
    "remarks",
    "free_text",
    "beizhu",
    "sex",
    "gender",
    "birth_date",
    "birthday",
    "quota",
    "target",
    "fee_to_worker",
    "attachment",
    "scan",
];

const ALLOWED: &[&str] = &["end_points", "no_target"];

/// The forbidden word inside a snake_case, CamelCase or SCREAMING name, if there is one.
pub(crate) fn is_forbidden(name: &str) -> Option<&'static str> {
    let mut words = String::from("_");
    let mut lower_before = false;
    for c in name.chars() {
        if c.is_uppercase() && lower_before {
            words.push('_');
        }
        lower_before = c.is_lowercase();
        words.extend(c.to_lowercase());
    }
    words.push('_');
    let words = ALLOWED.iter().fold(words, |w, ok| w.replace(&format!("_{ok}_"), "_"));
    FORBIDDEN.iter().find(|bad| words.contains(&format!("_{bad}_"))).copied()
}
