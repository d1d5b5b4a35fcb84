//! The worker's door: a case number and a code, nothing else. No token opens it, and no desk call
//! reaches it.

use super::answer::{Answer, Unable, odd};
use super::pace::Pace;
use crate::command::{Command, Done, WorkerCommand};
use crate::evidence::{self, Part};
use crate::grievance::body;
use crate::house::House;
use crate::store::Store;
use crate::trouble::Denied;
use crate::writer::{Failure, Hand};
use jieli_proto::day::Day;
use jieli_proto::id::CityId;
use jieli_proto::wire::worker_server::{Worker, WorkerServer};
use jieli_proto::wire::{
    AnswerCallBackRequest, AnswerReply, AnswerRequest, BodyList, ChooseHelperRequest, CopyReply,
    CorrectionRequest, DismissHelperRequest, EraseReply, FileGrievanceRequest, FiledReply,
    HelperList, NameProxyRequest, NotMeRequest, OpenCallBackReply, OpenCallBackRequest, OpenReply,
    OpenRequest, ReopenRequest, SealedLine, SealedRef, SetPinRequest, SlipPage, SlipStatus,
    SlipUse, StatementPage, WhoLookedReply, WithdrawRequest, WorkerRequest, WorkerStatusReply,
};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tonic::{Request, Response, Status};

/// The longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 4 * 1024;

/// Requests that the port takes in a second, all callers together.
const REQUESTS_PER_S: u64 = 50;

/// Grievances that one case may file in a day.
const FILED_PER_DAY: u32 = 5;

/// Requests that may wait for their turn.
const WAITING_MAX: usize = 256;

/// The longest reply, in bytes: a person's own copy.
const REPLY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The Worker service over the writer and the store.
pub struct WorkerDoor {
    hand: Hand,
    store: Store,
    house: House,
    /// All callers of an open port together; absent where there is no port.
    pace: Option<(Pace, CityId)>,
    /// Grievances of today, by case; see [`WorkerDoor::filed_by_code`].
    filed: Mutex<BTreeMap<(Day, String), u32>>,
}

impl std::fmt::Debug for WorkerDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WorkerDoor({:?})", self.house)
    }
}

/// The Worker service, for a listener of its own. Whoever tries codes there is slowed down, with
/// everybody else: the right code still gets its turn.
pub fn worker(hand: Hand, store: Store, house: House) -> WorkerServer<WorkerDoor> {
    let city = hand.published().directory.city.clone();
    let pace = Some((Pace::new(house.world.clone(), REQUESTS_PER_S, WAITING_MAX), city));
    WorkerServer::new(WorkerDoor { pace, ..WorkerDoor::new(hand, store, house) })
        .max_decoding_message_size(REQUEST_BYTES_MAX)
        .max_encoding_message_size(REPLY_BYTES_MAX)
}

impl WorkerDoor {
    /// The door itself, without a listener.
    pub fn new(hand: Hand, store: Store, house: House) -> WorkerDoor {
        WorkerDoor { hand, store, house, pace: None, filed: Mutex::default() }
    }

    /// Everybody's turn.
    async fn turn(&self) -> Answer<()> {
        if let Some((pace, city)) = &self.pace
            && !pace.pass(city).await
        {
            return Err(Failure::Busy("too many at once".to_owned()).into());
        }
        Ok(())
    }

    async fn perform(&self, command: WorkerCommand) -> Answer<Done> {
        self.turn().await?;
        Ok(self.hand.perform(Command::Worker(command)).await?)
    }

    async fn filed(&self, command: WorkerCommand) -> Answer<FiledReply> {
        let Done::Filed(reply) = self.perform(command).await? else { return Err(odd()) };
        Ok(reply)
    }

    /// V9: a case may file so many a day. Counted here alone and never written down, for whoever
    /// reads such a count knows who complained; a new start forgets it.
    async fn filed_by_code(&self, request: FileGrievanceRequest) -> Answer<FiledReply> {
        let today = self.today();
        let case = request.case_number.trim().to_owned();
        let spent = {
            let mut filed = self.filed.lock().unwrap_or_else(PoisonError::into_inner);
            filed.retain(|(day, _), _| *day == today);
            filed.get(&(today, case.clone())).is_some_and(|count| *count >= FILED_PER_DAY)
        };
        if spent {
            return Err(Denied::new(
                "FILED_TODAY",
                "今天已经提交了几次，请明天再来，或拨打回单上的电话。",
                "Several were filed today: again tomorrow, or by one of the telephones on the slip.",
            )
            .into());
        }
        let reply = self.filed(WorkerCommand::FileGrievance(request)).await?;
        let mut filed = self.filed.lock().unwrap_or_else(PoisonError::into_inner);
        *filed.entry((today, case)).or_default() += 1;
        Ok(reply)
    }

    fn today(&self) -> Day {
        self.house.calendar().day_of_unix_ms(self.house.world.clock.now_unix_ms())
    }

    /// By the code that was shown once; who asks is not known and need not be.
    async fn looked_at(&self, asked: &SealedRef) -> Answer<SealedLine> {
        self.turn().await?;
        let directory = &self.hand.published().directory;
        let (calendar, today) = (&self.house.calendar(), self.today());
        let mut conn = self.store.read().await?;
        Ok(body::look(&mut conn, directory, calendar, today, &asked.record_id).await?)
    }

    async fn answered(&self, command: WorkerCommand) -> Answer<AnswerReply> {
        let Done::Answered(reply) = self.perform(command).await? else { return Err(odd()) };
        Ok(reply)
    }

    async fn helpers(&self, command: WorkerCommand) -> Result<Response<HelperList>, Status> {
        let done = self.perform(command).await;
        reply(done.and_then(|done| {
            let Done::Helpers(list) = done else { return Err(odd()) };
            Ok(list)
        }))
    }

    async fn slip_page(&self, request: OpenRequest) -> Answer<SlipPage> {
        let done = self.perform(WorkerCommand::Slip(request)).await?;
        let Done::Slip(page) = done else { return Err(odd()) };
        Ok(page)
    }

    /// V19: the evidence of the person's own legs with all that is held about the person, and a
    /// slip. The code was right, and the view is written down, before anything is gathered.
    async fn own_copy(&self, request: OpenRequest) -> Answer<CopyReply> {
        let done = self.perform(WorkerCommand::Copy(request.clone())).await?;
        let Done::Copy(number, legs) = done else { return Err(odd()) };
        let published = self.hand.published();
        for command in evidence::ask_peer(&self.store, &self.house, &published, &number).await? {
            self.hand.perform(command).await?;
        }
        let published = self.hand.published();
        let part = Part::Own(legs);
        let zip =
            evidence::export_part(&self.store, &self.house, &published, &number, part).await?.zip;
        let slip = Some(self.slip_page(request).await?);
        Ok(CopyReply { zip, file_name: format!("jieli-{number}.zip"), slip })
    }
}

fn reply<T>(answer: Answer<T>) -> Result<Response<T>, Status> {
    answer.map(Response::new).map_err(|unable: Unable| unable.status(None))
}

#[tonic::async_trait]
impl Worker for WorkerDoor {
    async fn open(&self, request: Request<OpenRequest>) -> Result<Response<OpenReply>, Status> {
        let done = self.perform(WorkerCommand::Open(request.into_inner())).await;
        reply(done.and_then(|done| {
            let Done::Opened(reply) = done else { return Err(odd()) };
            Ok(reply)
        }))
    }

    async fn answer(
        &self,
        request: Request<AnswerRequest>,
    ) -> Result<Response<AnswerReply>, Status> {
        reply(self.answered(WorkerCommand::Answer(request.into_inner())).await)
    }

    async fn withdraw(
        &self,
        request: Request<WithdrawRequest>,
    ) -> Result<Response<AnswerReply>, Status> {
        reply(self.answered(WorkerCommand::Withdraw(request.into_inner())).await)
    }

    async fn status(
        &self,
        request: Request<WorkerRequest>,
    ) -> Result<Response<WorkerStatusReply>, Status> {
        let done = self.perform(WorkerCommand::Status(request.into_inner())).await;
        reply(done.and_then(|done| {
            let Done::Stands(reply) = done else { return Err(odd()) };
            Ok(reply)
        }))
    }

    async fn who_looked(
        &self,
        request: Request<WorkerRequest>,
    ) -> Result<Response<WhoLookedReply>, Status> {
        let done = self.perform(WorkerCommand::WhoLooked(request.into_inner())).await;
        reply(done.and_then(|done| {
            let Done::WhoLooked(reply) = done else { return Err(odd()) };
            Ok(reply)
        }))
    }

    async fn set_pin(
        &self,
        request: Request<SetPinRequest>,
    ) -> Result<Response<AnswerReply>, Status> {
        reply(self.answered(WorkerCommand::SetPin(request.into_inner())).await)
    }

    async fn show_helpers(
        &self,
        request: Request<WorkerRequest>,
    ) -> Result<Response<HelperList>, Status> {
        self.helpers(WorkerCommand::ShowHelpers(request.into_inner())).await
    }

    async fn choose_helper(
        &self,
        request: Request<ChooseHelperRequest>,
    ) -> Result<Response<HelperList>, Status> {
        self.helpers(WorkerCommand::ChooseHelper(request.into_inner())).await
    }

    async fn dismiss_helper(
        &self,
        request: Request<DismissHelperRequest>,
    ) -> Result<Response<HelperList>, Status> {
        self.helpers(WorkerCommand::DismissHelper(request.into_inner())).await
    }

    async fn name_proxy(
        &self,
        request: Request<NameProxyRequest>,
    ) -> Result<Response<AnswerReply>, Status> {
        reply(self.answered(WorkerCommand::NameProxy(request.into_inner())).await)
    }

    async fn not_me(
        &self,
        request: Request<NotMeRequest>,
    ) -> Result<Response<AnswerReply>, Status> {
        reply(self.answered(WorkerCommand::NotMe(request.into_inner())).await)
    }

    async fn reopen(
        &self,
        request: Request<ReopenRequest>,
    ) -> Result<Response<AnswerReply>, Status> {
        reply(self.answered(WorkerCommand::Reopen(request.into_inner())).await)
    }

    async fn slip(&self, request: Request<OpenRequest>) -> Result<Response<SlipPage>, Status> {
        reply(self.slip_page(request.into_inner()).await)
    }

    async fn copy(&self, request: Request<OpenRequest>) -> Result<Response<CopyReply>, Status> {
        reply(self.own_copy(request.into_inner()).await)
    }

    async fn statement(
        &self,
        request: Request<OpenRequest>,
    ) -> Result<Response<StatementPage>, Status> {
        let done = self.perform(WorkerCommand::Statement(request.into_inner())).await;
        reply(done.and_then(|done| {
            let Done::Statement(page) = done else { return Err(odd()) };
            Ok(page)
        }))
    }

    async fn look_by_slip(
        &self,
        request: Request<SlipUse>,
    ) -> Result<Response<SlipStatus>, Status> {
        let done = self.perform(WorkerCommand::LookBySlip(request.into_inner())).await;
        reply(done.and_then(|done| {
            let Done::SlipStatus(status) = done else { return Err(odd()) };
            Ok(status)
        }))
    }

    async fn stop_by_slip(
        &self,
        request: Request<SlipUse>,
    ) -> Result<Response<AnswerReply>, Status> {
        reply(self.answered(WorkerCommand::StopBySlip(request.into_inner())).await)
    }

    async fn list_bodies(
        &self,
        request: Request<WorkerRequest>,
    ) -> Result<Response<BodyList>, Status> {
        let done = self.perform(WorkerCommand::ListBodies(request.into_inner())).await;
        reply(done.and_then(|done| {
            let Done::Bodies(found) = done else { return Err(odd()) };
            Ok(found)
        }))
    }

    async fn file_grievance(
        &self,
        request: Request<FileGrievanceRequest>,
    ) -> Result<Response<FiledReply>, Status> {
        reply(self.filed_by_code(request.into_inner()).await)
    }

    async fn look_at_grievance(
        &self,
        request: Request<SealedRef>,
    ) -> Result<Response<SealedLine>, Status> {
        reply(self.looked_at(request.get_ref()).await)
    }

    async fn open_call_back(
        &self,
        request: Request<OpenCallBackRequest>,
    ) -> Result<Response<OpenCallBackReply>, Status> {
        let done = self.perform(WorkerCommand::OpenCallBack(request.into_inner())).await;
        reply(done.and_then(|done| {
            let Done::CallBackOpened(found) = done else { return Err(odd()) };
            Ok(*found)
        }))
    }

    async fn answer_call_back(
        &self,
        request: Request<AnswerCallBackRequest>,
    ) -> Result<Response<FiledReply>, Status> {
        reply(self.filed(WorkerCommand::AnswerCallBack(request.into_inner())).await)
    }

    async fn ask_correction(
        &self,
        request: Request<CorrectionRequest>,
    ) -> Result<Response<AnswerReply>, Status> {
        let done = self.perform(WorkerCommand::AskCorrection(request.into_inner())).await;
        reply(done.and_then(|done| {
            let Done::Answered(answered) = done else { return Err(odd()) };
            Ok(answered)
        }))
    }

    async fn erase_mine(
        &self,
        request: Request<WithdrawRequest>,
    ) -> Result<Response<EraseReply>, Status> {
        let done = self.perform(WorkerCommand::EraseMine(request.into_inner())).await;
        reply(done.and_then(|done| {
            let Done::Erased(erased) = done else { return Err(odd()) };
            Ok(erased)
        }))
    }
}
