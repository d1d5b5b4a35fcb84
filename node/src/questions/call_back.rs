//! The notice of a call-back. It carries a code of its own, which no row ties to the person: it
//! belongs to no question, and nothing of its answer is kept beside the leg.

use super::tell::Post;
use crate::batch::Batch;
use crate::legs::LegFile;
use crate::trouble::Outcome;
use crate::world::Params;
use jieli_proto::day::Day;

/// The text that asks for an answer to a call-back.
const CALL_BACK: &str = "call-back.ask.v1";

/// What a call-back asks.
pub(crate) fn call_back_text(body: &str) -> String {
    format!(
        "{body}回访。办件的机构、单位和审查人员都看不到您的回答，只有{body}能打开。不回答没有任何影响。\n\
         1. 这件事是您自己决定的吗？ 2. 有没有人为此收您的钱？ 3. 有没有人扣下您的证件？ 4. 条件和当初\
         告诉您的一样吗？\n\
         {body} calls back. No office of your case, no employer and no reviewer sees your answer: only \
         {body} can open it. Not answering has no consequence.\n\
         1. Was it your own choice? 2. Did anybody take money from you for it? 3. Did anybody keep a \
         document of yours? 4. Are the terms as you were told?"
    )
}

impl Batch<'_> {
    /// Puts the notice of a call-back to the person of a leg where the sweeper finds it.
    pub(crate) async fn send_call_back(
        &mut self,
        file: &LegFile,
        office: &str,
        code: &str,
        until: Day,
    ) -> Outcome<()> {
        let Some(contact) = self.contact(file).await? else { return Ok(()) };
        let body = self.name_of_own_office(office);
        let asked = call_back_text(&body);
        let text = format!(
            "【接力】{asked}\n回访码 {code}，{until} 前有效，只能用一次。请勿告诉他人。\n\
             Code {code}, good until {until}, once. Tell it to nobody."
        );
        // The code opens nothing of the case, and the notice does not name it.
        let params =
            Params { case: String::new(), code: code.to_owned(), about: "回访".to_owned() };
        let post = Post {
            to: &contact.phone,
            template: CALL_BACK,
            params,
            text,
            question: &[],
            code_hmac: &[],
        };
        let due_ms = self.notice_due(true);
        Ok(self.queue_notice(file, post, due_ms).await?)
    }
}
