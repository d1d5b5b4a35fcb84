//! What the person reads: plain Chinese first, English second, both complete.

use jieli_proto::day::Day;
use jieli_proto::wire::{self, Service};
use jieli_proto::words::{self, Word};

/// The notice that carries a code.
pub(crate) fn notice(city: &str, case_number: &str, code: &str, text: &str) -> String {
    format!(
        "【接力】{city}，办件 {case_number}\n{text}\n确认码 {code}，{hours} 小时内有效，请勿告诉他人，\
         包括工作人员。不回答就等于不同意，没有任何影响。随时可以停止。\n\
         Case {case_number}. Code {code}, good for {hours} hours. Tell it to nobody, not even to \
         staff. No answer means no, without any consequence. You can stop at any time.",
        hours = super::CODE_HOURS
    )
}

/// A few words on what a notice is about, for templates: the services, each once.
pub(crate) fn about(services: &[Service]) -> String {
    let mut all: Vec<&str> = Vec::new();
    for word in services.iter().map(|service| words::service(*service).zh) {
        if !all.contains(&word) {
            all.push(word);
        }
    }
    all.join("、")
}

/// An office and its city, which many an office has in its name.
fn of_city_zh(city: &str, office: &str) -> String {
    if office.starts_with(city) { office.to_owned() } else { format!("{city}的{office}") }
}

fn of_city_en(city: &str, office: &str) -> String {
    if office.starts_with(city) { office.to_owned() } else { format!("{office} in {city}") }
}

/// The question whether it is done, with the date from which cover is given.
pub(crate) fn covered(text: &str, from: Day) -> String {
    format!("{text}\n起保日期：{from}。 Covered from: {from}.")
}

/// Tells of days without insurance cover. No code in it.
pub(crate) fn cover_gap(city: &str, case_number: &str, from: Day, days: u32) -> String {
    format!(
        "【接力】{city}，办件 {case_number}\n按申请时填的最后缴费月，您的社会保险从 {from} 起没有缴费，到今天已 {days} 天。\
         手续正在办理，还没有办完。断保满 60 天可能影响待遇：可以问经办窗口，或拨 12393（医保）、12333（人社）。\n\
         Case {case_number}. By the last month paid, as it was entered, your insurance has had no \
         contribution since {from}: {days} days by today. The transfer is not finished. From 60 \
         days on benefits may be lost: ask the office, or call 12393 (medical) or 12333 (work)."
    )
}

/// A consent question that somebody answers in the person's place.
pub(crate) fn by_proxy(text: &str) -> String {
    format!(
        "{text}\n由代办人代本人回答：本人会收到短信，下一个工作日 9:00 前都可以说“不同意”，之后随时可以停止。\n\
         Answered by a proxy: the worker gets a message and can say no until 09:00 of the next \
         working day, and stop at any time after it."
    )
}

/// Tells the worker of it, with a code that answers the same.
pub(crate) fn proxy_told(office: &str, text: &str) -> String {
    format!(
        "有人持自己的证件，在{office}窗口代您对以下事项回答了“同意”，下一个工作日 9:00 起生效。若不是您的意思，请用下面的\
         码回答“都不同意”，或停止；不回答则按代办人的回答办理。\nAt the window of {office} somebody with an own document \
         said yes in your place to what follows; it counts from 09:00 of the next working day. If \
         that is not what you want, answer no to all of it with the code below, or stop. Without an \
         answer what the proxy said counts.\n{text}"
    )
}

/// The question whether the person will carry a letter.
pub(crate) fn letter(service: Service, for_child: bool, city: &str, office: &str) -> String {
    let word = words::service(service);
    let (who_zh, who_en) = if for_child { ("孩子", "your child's ") } else { ("您", "your ") };
    format!(
        "1. {who_zh}的{}：{city}没有联网。是否同意写一封纸质信，由您自己带给{office}？信上印有{who_zh}的\
         姓名、证件号码和申请内容，只交到您手里，不会寄出。同意请答 1。\n\
         1. {city} is not connected. May a letter about {who_en}{} be printed for you to carry to \
         {office} yourself? It shows name, document number and what is asked for; it is handed to \
         you and never posted. Answer 1 if you agree.",
        word.zh, word.en
    )
}

/// The question whether a leg may go on with the office that it was handed to: the first office's
/// name, the other's.
pub(crate) fn redirect(
    service: Service,
    for_child: bool,
    offices: &[String; 2],
    until: Day,
) -> String {
    let word = words::service(service);
    let (who_zh, who_en) = if for_child { ("孩子", "Your child's ") } else { ("您", "Your ") };
    let [first, other] = offices;
    format!(
        "{who_zh}的{}：{first}已把申请转给同城的{other}办理，提交日期不变。1. 是否同意把申请和信息交给{other}？\
         同意请答 1，最晚 {until}；不同意或不回答，申请到期停止，没有任何影响。\n{who_en}{} request: \
         {first} has handed it to {other} in the same city; the filing date stays. 1. May it and your \
         data go to {other}? Answer 1 if you agree, by {until}; no and silence both end the request \
         then, without any consequence.",
        word.zh, word.en
    )
}

/// The question whether a correction is right: what is corrected, by name alone, and the check value
/// of the words that the person is shown beside it.
pub(crate) fn correction(
    service: Service,
    fields: &[words::Word],
    check: &str,
    until: Day,
) -> String {
    let word = words::service(service);
    let all = |of: fn(&words::Word) -> &'static str, by: &str| {
        fields.iter().map(of).collect::<Vec<_>>().join(by)
    };
    let (zh, en) = (all(|field| field.zh, "、"), all(|field| field.en, ", "));
    format!(
        "您的{}：经办单位要更正“{zh}”。用本码打开可看原来的和更正后的内容（核对值 {check}）。1. 更正后的内容\
         是对的，请答 1，最晚 {until}；不同意或不回答，什么也不改，没有任何影响。\nYour {}: the office \
         wants to correct: {en}. Open it with this code to see what it was and what it would be (check \
         value {check}). Answer 1 if that is right, by {until}; no and silence change nothing, without \
         any consequence.",
        word.zh, word.en
    )
}

/// To the old number, at the city that got the person: another number counts from now on.
pub(crate) fn phone_changed(from_city: &str, service: Service) -> String {
    let word = words::service(service);
    format!(
        "{from_city}说您在{}一事中换了手机号，以后的短信发到新号码。如果不是您本人，请用本码停止。\n\
         {from_city} says that your phone has changed for: {}. Messages go to the new number from now \
         on. If that was not you, stop it with this code.",
        word.zh, word.en
    )
}

/// The question whether one of two about the same is to end. It names neither office.
pub(crate) fn duplicate(city: &str, service: Service) -> String {
    let word = words::service(service);
    format!(
        "{city}：您由两家机构分别送来办理同一件事（{}）。两件可以都继续办。如果您要结束后来的这一件，请写“1”；\
         不回答或不同意，两件都继续。两家机构都不会知道对方，也不会知道问过您。\n\
         {city}: two offices have sent you for the same thing ({}). Both can go on. If you want to end \
         the later one, write “1”; if you say no, or nothing, both go on. Neither office learns of the \
         other, or that you were asked.",
        word.zh, word.en
    )
}

/// Whether the office shall sign a fact for the person to carry.
pub(crate) fn statement(office: &str, fact: Word, days: i64) -> String {
    let Word { zh, en } = fact;
    format!(
        "{office}可以为您出具一份证明：{zh}（内容打开后可见）。证明只交给您本人，系统不会发给任何单位或个人，{days} 天内有效；给谁看由您决定，\
         不要也不影响任何事项。要这份证明，请写“1”，再用同一个码领取并打印。\n\
         {office} can sign a statement for you: {en} (you see what it says when you open this). It is given to you alone and sent to nobody; it is \
         good for {days} days, and who sees it is for you to decide. Not wanting it changes nothing. If \
         you want it, write “1”, then fetch and print it with the same code."
    )
}

/// The office that was agreed to has been merged or renamed.
pub(crate) fn successor(question: &str) -> String {
    format!(
        "您原先同意的机构已合并或更名，由下面的机构接办。没有您的同意，什么也不会再交出。\n{question}"
    ) + "\nThe office you agreed to was merged or renamed; the one above takes over. Nothing more is \
         handed on without your yes."
}

/// Where the person goes and what to bring, as an ACCEPT told it; empty where it told no telephone.
pub(crate) fn window(window: &wire::Window) -> String {
    if window.telephone.is_empty() {
        return String::new();
    }
    let hours = match window.closes_min > 0 {
        true => {
            let time = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
            format!(" {}-{}", time(window.opens_min), time(window.closes_min))
        }
        false => String::new(),
    };
    let bring: Vec<words::Word> =
        window.bring.iter().filter_map(|code| words::bring(*code)).collect();
    let zh: Vec<&str> = bring.iter().map(|word| word.zh).collect();
    let en: Vec<&str> = bring.iter().map(|word| word.en).collect();
    let (mut told_zh, mut told_en) = (
        format!("首问经办电话 {}{hours}", window.telephone),
        format!("First handler's telephone {}{hours}", window.telephone),
    );
    if !bring.is_empty() {
        told_zh += &format!("，请带：{}", zh.join("、"));
        told_en += &format!("; bring: {}", en.join(", "));
    }
    format!("{told_zh}。\n{told_en}.\n")
}

/// The private ballot before an employment outcome.
pub(crate) fn ballot(city: &str) -> String {
    format!(
        "{city}私下问您：1. 这份工作是您自己愿意做的吗？愿意请答 1。派出单位和用人单位看不到您的回答；不愿意\
         或不回答，都按同样方式结束，没有任何记录。\n{city} asks you in private: 1. Is this job your own \
         choice? Answer 1 if it is. Neither the sending office nor the employer sees your answer; \
         no and silence end it in the same way and leave no mark."
    )
}

/// Whether something was done.
pub(crate) fn complete(service: Service, within_city: bool) -> String {
    let word = words::service(service);
    let (who_zh, who_en) =
        if within_city { ("对方机构", "office") } else { ("对方城市", "city") };
    format!(
        "{}一事，{who_zh}说已办成。1. 如果确实办成了，请答 1。\nThe other {who_en} says your {} is \
         done. 1. Answer 1 if it really is.",
        word.zh, word.en
    )
}

/// What arrived under somebody's name.
pub(crate) fn arrival(from_city: &str, service: Service) -> String {
    let word = words::service(service);
    format!(
        "{from_city}说您申请了{}。如果不是您本人的意思，请用本码停止。\n{from_city} says you asked for: \
         {}. If that is not your wish, stop it with this code.",
        word.zh, word.en
    )
}

/// Something was stopped at a desk: by the person?
pub(crate) fn stopped(service: Service, at: &str, office: &str, sent: bool) -> String {
    let word = words::service(service);
    let (again_zh, again_en) = if sent {
        (
            format!(
                "如果不是您本人停止的，用本码回答“不是我”。这就等于您同意把同一申请重新交给{office}，\
                 用于同一件事，提交日期不变；工作在下一个工作日 9:00 生效。"
            ),
            format!(
                "If it was not you who stopped it, answer \u{201c}not me\u{201d} with this code. That is \
                 your yes: the same request goes to {office} again for the same purpose, and keeps its \
                 filing date; for a job it counts from 9:00 of the next working day."
            ),
        )
    } else {
        (
            "如果不是您本人停止的，用本码回答“不是我”，草稿恢复，发出前仍会再问您。".to_owned(),
            "If it was not you who stopped it, answer \u{201c}not me\u{201d} with this code: the draft \
             is there again, and you are asked before anything leaves."
                .to_owned(),
        )
    };
    format!(
        "您的{}在{at}被停止。{again_zh}如果是您本人停止的，不用回答。\nYour {} was stopped at {at}. \
         {again_en} If it was you, there is nothing to do.",
        word.zh, word.en
    )
}

/// A PIN was replaced. No code in it.
pub(crate) fn pin_replaced(city: &str, case_number: &str) -> String {
    format!(
        "【接力】{city}，办件 {case_number}\n您的密码已更换，72 小时内不能确认任何事项，随时可以停止。\
         如果不是您本人更换的，请到任一窗口说明。\n\
         Case {case_number}. Your PIN was replaced: nothing can be confirmed for 72 hours, stopping \
         always works. If it was not you, tell any window."
    )
}

/// To the guardian of somebody of 16 or 17: what that person is asked, and what the guardian can do.
/// It names nobody, for the number may be wrong. No code in it.
pub(crate) fn guardian(city: &str, case_number: &str, where_to: &[String; 2], job: &str) -> String {
    let [to_city, office] = where_to;
    let (zh, en) = (of_city_zh(to_city, office), of_city_en(to_city, office));
    format!(
        "【接力】{city}，办件 {case_number}\n您监护的 16 至 17 周岁的未成年人正被询问是否同意把求职申请交给{zh}。\
         {job}\n您若不赞成，请与本人商量：本人随时可以停止，不问理由，也可到任一窗口停止。投诉请拨 12333（人社）、\
         12345、12348（法律援助）。\nCase {case_number}. A person of 16 or 17 in your care is being asked \
         whether a request for a job may go to {en}. If you do not approve, talk to that person, who can \
         stop it at any time without giving a reason, at any window too. Complaints: 12333 (work), \
         12345, 12348 (legal aid)."
    )
}

/// The person's request for a correction came to nothing. No code in it.
pub(crate) fn not_corrected(city: &str, case_number: &str, service: Service) -> String {
    let word = words::service(service);
    format!(
        "【接力】{city}，办件 {case_number}\n您要求更正{}一事中的本人信息：经核对证件，没有更正。可带证件到窗口再提出。\n\
         Case {case_number}. You asked for a correction ({}): by the document it was not made. You can \
         ask again at a window, with the document.",
        word.zh, word.en
    )
}

/// What a receiving window asks about an item that another city sent.
pub(crate) fn receiving_line(
    number: u32,
    service: Service,
    from_city: &str,
    city: &str,
    office: &str,
) -> String {
    let word = words::service(service);
    format!(
        "{number}. 您在{from_city}提出的{}：是否同意{from_city}把您的信息交给{}办理？\n   \
         Your request of {from_city}: {}. May {from_city} hand your data to {} for it?",
        word.zh,
        of_city_zh(city, office),
        word.en,
        of_city_en(city, office),
    )
}

/// A yes that the other city says it took at its window.
pub(crate) fn consent_arrived(from_city: &str, service: Service) -> String {
    let word = words::service(service);
    format!(
        "{from_city}说您在那里的窗口同意了{}。如果不是您本人，请用本码停止。\n{from_city} says you \
         agreed to this at its window: {}. If that was not you, stop it with this code.",
        word.zh, word.en
    )
}
