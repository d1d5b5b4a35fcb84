//! What a person is read before saying yes comes from language packs: the person's own language
//! first where the city has a pack of it; which pack it was follows from the digest in the consent.

use jieli_node::command::{DeskCommand, Done};
use jieli_node::writer::Failure;
use jieli_proto::envelope;
use jieli_proto::id::{Digest, LegId};
use jieli_proto::wire::{self, Service};
use jieli_tests::{HOUR_MS, Town, Towns, eventually, people};
use prost::Message as _;

const ARABIC: &str = include_str!("../../proto/packs/language-ar.json");
const SPANISH: &str = include_str!("../../proto/packs/language-es.json");
const CHINESE: &str = include_str!("../../proto/packs/language-zh.json");

async fn import(town: &Town, file: &str) -> Result<(), String> {
    let ask = wire::ImportPackRequest { file: file.as_bytes().to_vec() };
    match town.desk(DeskCommand::ImportPack(ask)).await {
        Ok(Done::Pack(_)) => Ok(()),
        Err(Failure::Denied(denied)) => Err(denied.en),
        other => panic!("{other:?}"),
    }
}

/// Language and digest of the text of each consent of a leg, in the order they were given.
async fn consents(town: &Town, leg: LegId) -> Vec<(String, Vec<u8>)> {
    let mut conn = town.node().store().read().await.unwrap();
    let sql = "SELECT envelope FROM consent WHERE leg_id = $1 ORDER BY given_ms";
    let rows = conn.rows(sql, vec![leg.to_vec().into()]).await.unwrap();
    let read = |bytes: Vec<u8>| {
        let sealed = wire::Envelope::decode(bytes.as_slice()).unwrap();
        let consent = envelope::payload::<wire::Consent>(&sealed).unwrap();
        (consent.language, consent.text_hash)
    };
    rows.iter().map(|row| read(row.bytes(0).unwrap())).collect()
}

fn hash(text: &str) -> Vec<u8> {
    Digest::of(&[text.as_bytes()]).to_vec()
}

/// A job for somebody who reads a language.
fn reads(language: &str) -> wire::Draft {
    let mut draft = people::single(1).remove(0);
    draft.worker.as_mut().unwrap().language = language.to_owned();
    draft
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_and_its_terms_are_read_in_the_workers_own_language_from_a_pack() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    import(kunming, ARABIC).await.unwrap();
    let case = kunming.import(vec![reads("ar")]).await.remove(0);
    let sms = kunming.ask_yes(&case).await;
    let asked = kunming.open(&sms).await.unwrap().text;
    // Own language first, then Chinese and English, all three whole.
    let places = ["هل توافق على إرسال طلبك", "您的就业：是否同意", "May your job request go"]
        .map(|word| asked.find(word).unwrap_or_else(|| panic!("{word}: {asked}")));
    assert!(places.is_sorted(), "{asked}");
    assert!(asked.contains("شروط العمل \u{2068}"), "a name of the other direction: {asked}");
    towns.next_working_day();
    let leg = kunming.leg_for(&case, Service::Employment).await;
    towns.ruian_accepts(leg).await;
    let sms = kunming.sms(&case, "请至少看一天").await;
    let terms = kunming.open(&sms).await.unwrap().text;
    for word in ["لا تدفع أي رسوم", "您不需要支付任何介绍费", "There is no fee for you to pay"]
    {
        assert!(terms.contains(word), "{word}: {terms}");
    }
    assert_eq!(terms.matches("\n1. ").count(), 3, "{terms}");
    towns.clock.move_on(24 * HOUR_MS);
    kunming.answer(&sms, &[1]).await.unwrap();
    // The consent names the language that was read, and the digest of the whole text.
    let given = consents(kunming, leg).await;
    assert_eq!(given[0], ("ar".to_owned(), hash(&asked)), "{asked}");
    towns.stop().await;
}

/// A language of which there is no pack, or only another city's, is not said to have been read.
#[tokio::test(flavor = "multi_thread")]
async fn a_language_without_a_pack_of_this_city_is_named_by_no_consent() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    import(&towns.ruian, SPANISH).await.unwrap();
    let held = "SELECT CAST(COUNT(*) AS BIGINT) FROM pack WHERE name = 'language-es'";
    eventually("the pack", async || kunming.count(held).await == 1).await;
    let mut home = people::home(71);
    home.worker.as_mut().unwrap().language = "es".to_owned();
    let mut english = people::home(72);
    english.worker.as_mut().unwrap().language = "en".to_owned();
    for (draft, tag) in [(home, "zh-CN"), (english, "en")] {
        let case = kunming.import(vec![draft]).await.remove(0);
        let sms = kunming.ask_yes(&case).await;
        let asked = kunming.open(&sms).await.unwrap().text;
        assert!(!asked.contains("solicitud"), "{asked}");
        assert!(asked.starts_with("请逐项回答"), "{asked}");
        let leg = kunming.leg_for(&case, Service::Housing).await;
        eventually("the consent", async || !consents(kunming, leg).await.is_empty()).await;
        assert_eq!(consents(kunming, leg).await, [(tag.to_owned(), hash(&asked))]);
    }
    towns.stop().await;
}

/// The built-in languages are packs like others: a newer version of the city's own is what is read
/// from then on, what was asked before stays as it was, and a text left out is named.
#[tokio::test(flavor = "multi_thread")]
async fn a_citys_own_words_replace_the_shipped_ones_and_none_can_be_left_out() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let cases = kunming.import(vec![people::home(73), people::home(74)]).await;
    kunming.ask(&cases[..1]).await;
    let before = kunming.sms(&cases[0], "逐项回答").await;
    let missing = CHINESE.replace("    \"terms.no_fee\": \"您不需要支付任何介绍费。\",\n", "");
    assert_ne!(missing, CHINESE);
    let said = import(kunming, &missing).await.unwrap_err();
    assert!(said.contains("terms.no_fee: the text is missing"), "{said}");
    // A place left out would hide a value.
    let hidden = CHINESE.replace("每月扣款 {yuan} 元", "每月有扣款");
    let said = import(kunming, &hidden).await.unwrap_err();
    assert!(said.contains("terms.deductions: {yuan} stands in it once"), "{said}");
    let own = CHINESE
        .replace("\"version\": 1", "\"version\": 2")
        .replace("您的{service}：是否同意把申请交给", "您的{service}：可以把申请交给");
    import(kunming, &own).await.unwrap();
    kunming.ask(&cases[1..]).await;
    let after = kunming.sms(&cases[1], "逐项回答").await;
    let shipped = kunming.open(&before).await.unwrap().text;
    let newer = kunming.open(&after).await.unwrap().text;
    assert!(shipped.contains("是否同意把申请交给"), "{shipped}");
    assert!(newer.contains("可以把申请交给") && !newer.contains("是否同意"), "{newer}");
    towns.stop().await;
}
