//! `jieli import --measure ROWS`: what reading a sheet takes, against walking over its cells alone.

use super::reader::{self, MEMORY_BYTES_MAX};
use crate::ambient::SystemClock;
use crate::bench::roster;
use crate::cmd::say::{OK, Out};
use crate::cmd::{Done, Fail};
use anyhow::Context;
use jieli_gateway::sheet::job::{Answer, Job, Work};
use jieli_node::world::Clock as _;
use jieli_proto::wire;
use prost::Message as _;
use serde_json::json;

/// The smallest of so many runs counts: others work on this machine too.
const RUNS: usize = 3;

/// What reading takes.
pub(in crate::cmd) struct Measured {
    pub(in crate::cmd) cells: u64,
    pub(in crate::cmd) readable: usize,
    pub(in crate::cmd) file_bytes: usize,
    /// Computing of the process that reads, in milliseconds.
    pub(in crate::cmd) read_ms: u64,
    /// The same of one that unpacks and walks over the cells, and does nothing else.
    pub(in crate::cmd) walk_ms: u64,
    /// By the clock, with the start of the process.
    pub(in crate::cmd) elapsed_ms: u64,
    pub(in crate::cmd) peak_kib: u64,
    /// As the node gets them.
    pub(in crate::cmd) drafts: Vec<wire::Draft>,
}

/// Measures, with a job that reads.
pub(in crate::cmd) async fn measured(job: Job, rows: u32) -> Result<Measured, Fail> {
    let sheet = roster(rows).context("the sheet to measure with")?;
    let walk = Job { work: Work::Walk, ..job.clone() };
    let mut measured = Measured {
        cells: 0,
        readable: 0,
        file_bytes: sheet.len(),
        read_ms: u64::MAX,
        walk_ms: u64::MAX,
        elapsed_ms: u64::MAX,
        peak_kib: 0,
        drafts: Vec::new(),
    };
    for _ in 0..RUNS {
        let began_ms = SystemClock.now_unix_ms();
        let read = reader::read(&job, &sheet).await?;
        let elapsed_ms = SystemClock.now_unix_ms().saturating_sub(began_ms);
        measured.readable = match &read.answer {
            Answer::Sheet(reading) => reading.rows.len(),
            Answer::Refused(refused) => {
                return Err(Fail::new(
                    1,
                    &refused.code,
                    refused.what.zh.clone(),
                    refused.what.en.clone(),
                ));
            }
            Answer::File | Answer::Walked(_) | Answer::NoJob => 0,
        };
        measured.read_ms = measured.read_ms.min(read.cost.cpu_ms);
        measured.elapsed_ms = measured.elapsed_ms.min(elapsed_ms);
        measured.peak_kib = measured.peak_kib.max(read.cost.memory_peak_kib);
        let given = wire::ImportRequest::decode(read.body.as_slice()).context("the drafts")?;
        measured.drafts = given.drafts;
        let walked = reader::read(&walk, &sheet).await?;
        if let Answer::Walked(count) = walked.answer {
            measured.cells = count;
        }
        measured.walk_ms = measured.walk_ms.min(walked.cost.cpu_ms);
    }
    Ok(measured)
}

/// Measures and tells.
pub(super) async fn run(job: Job, rows: u32, out: Out) -> Result<Done, Fail> {
    let found = measured(job, rows).await?;
    let Measured { cells, read_ms, walk_ms, peak_kib: peak, .. } = found;
    let ratio_percent = read_ms.saturating_mul(100) / walk_ms.max(1);
    let value = json!({
        "rows": rows,
        "cells": cells,
        "readable": found.readable,
        "file_bytes": found.file_bytes,
        "runs": RUNS,
        "read_cpu_ms": read_ms,
        "walk_cpu_ms": walk_ms,
        "read_to_walk_percent": ratio_percent,
        "memory_peak_kib": peak,
        "memory_limit_kib": MEMORY_BYTES_MAX >> 10,
    });
    out.show(&value, || {
        out.say(
            &format!(
                "{rows} 行（{cells} 格）：读取 {read_ms} 毫秒，内存峰值 {peak} KiB；仅解压并走过各格 {walk_ms} 毫秒（{ratio_percent}%）。"
            ),
            &format!(
                "{rows} rows ({cells} cells): read in {read_ms} ms with {peak} KiB at most; \
                 unpacking and walking over the cells alone takes {walk_ms} ms ({ratio_percent}%)."
            ),
        )
    });
    Ok(OK)
}
