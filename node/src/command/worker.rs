//! What a worker asks for, with a code.

use super::{Done, WorkerCommand};
use crate::batch::Batch;
use crate::plant;
use crate::questions::received;
use crate::trouble::Outcome;

pub(super) async fn worker(batch: &mut Batch<'_>, command: WorkerCommand) -> Outcome<Done> {
    Ok(match command {
        WorkerCommand::Open(r) => Done::Opened(batch.open_question(&r.case_number, &r.code).await?),
        WorkerCommand::Answer(r) => {
            Done::Answered(batch.answer(&r.case_number, &r.code, &r.yes).await?)
        }
        WorkerCommand::Withdraw(_) if plant::is(plant::Fault::StopWithoutEffect) => {
            Done::Answered(received())
        }
        WorkerCommand::Withdraw(r) => {
            Done::Answered(batch.withdraw_by_code(&r.case_number, &r.code, &r.legs).await?)
        }
        WorkerCommand::Status(r) => {
            Done::Stands(batch.worker_status(&r.case_number, &r.code).await?)
        }
        WorkerCommand::WhoLooked(r) => {
            Done::WhoLooked(batch.who_looked(&r.case_number, &r.code).await?)
        }
        WorkerCommand::SetPin(r) => {
            batch.set_pin_by_code(&r.case_number, &r.code, &r.pin).await?;
            Done::Answered(received())
        }
        WorkerCommand::ShowHelpers(r) => Done::Helpers(batch.show_helpers(&r).await?),
        WorkerCommand::ChooseHelper(r) => Done::Helpers(batch.choose_helper(&r).await?),
        WorkerCommand::DismissHelper(r) => Done::Helpers(batch.dismiss_helper(&r).await?),
        WorkerCommand::NameProxy(r) => {
            batch.name_proxy(&r).await?;
            Done::Answered(received())
        }
        WorkerCommand::NotMe(r) => {
            batch.not_me(&r.case_number, &r.code).await?;
            Done::Answered(received())
        }
        WorkerCommand::Reopen(r) => {
            batch.reopen(&r).await?;
            Done::Answered(received())
        }
        WorkerCommand::Slip(r) => Done::Slip(batch.own_slip(&r.case_number, &r.code).await?),
        WorkerCommand::Copy(r) => {
            let (case, legs) = batch.own_legs(&r.case_number, &r.code).await?;
            batch.record("own copy", &case.id.0);
            Done::Copy(case.number, legs)
        }
        WorkerCommand::Statement(r) => {
            Done::Statement(batch.own_statement(&r.case_number, &r.code).await?)
        }
        WorkerCommand::LookBySlip(r) => Done::SlipStatus(batch.look_by_slip(&r).await?),
        WorkerCommand::StopBySlip(r) => Done::Answered(batch.stop_by_slip(&r).await?),
        WorkerCommand::AskCorrection(r) => Done::Answered(batch.correction_by_code(&r).await?),
        WorkerCommand::EraseMine(r) => Done::Erased(batch.erase_by_code(&r).await?),
        WorkerCommand::ListBodies(r) => {
            Done::Bodies(batch.bodies_by_code(&r.case_number, &r.code).await?)
        }
        WorkerCommand::FileGrievance(r) => Done::Filed(batch.file_by_code(&r).await?),
        WorkerCommand::OpenCallBack(r) => {
            Done::CallBackOpened(Box::new(batch.open_call_back(&r.code).await?))
        }
        WorkerCommand::AnswerCallBack(r) => Done::Filed(batch.answer_call_back(&r).await?),
    })
}
