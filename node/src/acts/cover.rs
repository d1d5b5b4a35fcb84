//! From when insurance cover is given: the city that gives it states the date, and the person
//! confirms it.

use crate::batch::Batch;
use crate::legs::LegFile;
use crate::questions::complete;
use crate::speak::Speech;
use crate::trouble::{Denied, Outcome};
use jieli_proto::day::Day;
use jieli_proto::wire::{self, Service};

/// Days that the date may lie before or after today.
const DAYS: i64 = 366;

impl Batch<'_> {
    /// The COMPLETE that the person's yes will send: what the law says of it, it says of the date.
    pub(super) fn cover(&self, file: &LegFile, asked: &wire::DeskCover) -> Outcome<Speech> {
        if file.service != Service::Insurance {
            return Err(Denied::new(
                "NOT_INSURANCE",
                "只有社会保险事项登记起保日期。",
                "Only an insurance item has a date from which cover is given.",
            )
            .into());
        }
        let near = |day: &Day| (day.since_epoch() - self.today.since_epoch()).abs() <= DAYS;
        if Day::from_number(asked.covered_from).filter(near).is_none() {
            return Err(super::wrong_option(
                "--from",
                "起保日期不存在，或与今天相差一年以上",
                "no such date, or more than a year from today",
            ));
        }
        Ok(complete(asked.covered_from))
    }
}
