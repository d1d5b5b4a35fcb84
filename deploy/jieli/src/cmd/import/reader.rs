//! The process that reads a sheet. A sheet comes from anywhere: its bytes are understood only in a
//! process of their own, which may use little memory and time, can open and write no file, and
//! gets everything on its standard input. Nothing of a person stands in its arguments, its
//! environment, a file or a log.

use crate::cmd::Fail;
use crate::cmd::say::FAILED;
use anyhow::Context;
use jieli_gateway::console::world::{NoAnswer, SheetReader};
use jieli_gateway::sheet::SheetRefusal;
use jieli_gateway::sheet::job::{Answer, Job, Refused, packed, perform, unpacked};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

/// What the reader may take for itself. With the program's own pages, of which it touches few, it
/// stays under 128 MiB.
pub(super) const MEMORY_BYTES_MAX: u64 = 96 << 20;
/// Seconds of computing.
const CPU_S_MAX: u64 = 20;
/// Until it is stopped, in whatever it is.
const WALL: Duration = Duration::from_secs(40);
/// The longest answer.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// What reading took.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Cost {
    /// Time on a processor, in milliseconds.
    pub(super) cpu_ms: u64,
    /// The most memory it held at once, in KiB; 0 where the system does not tell.
    pub(super) memory_peak_kib: u64,
}

/// What came of a job.
pub(super) struct Work {
    pub(super) answer: Answer,
    /// Drafts or a file.
    pub(super) body: Vec<u8>,
    pub(super) cost: Cost,
}

/// Has a job done by the reader. One that died or was too slow refuses the sheet.
pub(super) async fn read(job: &Job, file: &[u8]) -> Result<Work, Fail> {
    let input = packed(job, file).context("the job of the reader")?;
    let program = std::env::current_exe().context("this program's own file")?;
    let mut child = Command::new(program)
        .arg("read-sheet")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // What it would say when it dies may hold what it was reading.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("the process that reads the sheet")?;
    let (mut to, from) = (child.stdin.take(), child.stdout.take());
    let say = async move {
        if let Some(to) = &mut to {
            // One that dies early does not hear all of it: its end tells why.
            let _ = to.write_all(&input).await;
        }
    };
    let hear = async move {
        let mut output = Vec::new();
        if let Some(from) = from {
            from.take(ANSWER_BYTES_MAX + 1).read_to_end(&mut output).await?;
        }
        Ok::<_, std::io::Error>(output)
    };
    let all = async { tokio::join!(say, hear, child.wait()) };
    let Ok(((), output, status)) = tokio::time::timeout(WALL, all).await else {
        return Ok(died(&SheetRefusal::TooMuchTime));
    };
    let (output, status) = (output.context("the reader's answer")?, status.context("the reader")?);
    if !status.success() {
        return Ok(died(&why(status)));
    }
    understood(&output).ok_or_else(|| {
        let (zh, en) =
            ("读取表格的进程没有给出结果。", "The process that reads sheets gave no answer.");
        Fail::new(FAILED, "READER", zh, en)
    })
}

/// The same for the console.
pub(crate) struct Reader;

#[async_trait::async_trait]
impl SheetReader for Reader {
    async fn read(&self, job: &Job, file: &[u8]) -> Result<(Answer, Vec<u8>), NoAnswer> {
        let work = read(job, file).await.map_err(|_| NoAnswer)?;
        Ok((work.answer, work.body))
    }
}

fn understood(output: &[u8]) -> Option<Work> {
    let (cost, rest) = unpacked::<Cost>(output)?;
    let (answer, body) = unpacked::<Answer>(rest)?;
    Some(Work { answer, body: body.to_vec(), cost })
}

fn died(refusal: &SheetRefusal) -> Work {
    let answer = Answer::Refused(Refused::from(refusal));
    Work { answer, body: Vec::new(), cost: Cost::default() }
}

/// Why it ended as it did.
fn why(status: ExitStatus) -> SheetRefusal {
    const CPU_TIME: i32 = 24;
    const ENDS_OF_MEMORY: [i32; 4] = [6, 7, 9, 11];
    match status.signal() {
        Some(CPU_TIME) => SheetRefusal::TooMuchTime,
        Some(signal) if ENDS_OF_MEMORY.contains(&signal) => SheetRefusal::TooMuchMemory,
        Some(_) | None => SheetRefusal::Damaged,
    }
}

/// Is the reader: `jieli read-sheet`, started by `jieli import` and the console alone. Returns the exit code.
pub(crate) fn be_reader() -> u8 {
    if limit().is_err() {
        return FAILED;
    }
    let mut input = Vec::new();
    if std::io::stdin().lock().read_to_end(&mut input).is_err() {
        return FAILED;
    }
    let output = perform(&input);
    let cost = serde_json::to_vec(&cost()).unwrap_or_default();
    let mut out = std::io::stdout().lock();
    let said = out.write_all(&cost).and_then(|()| out.write_all(b"\n"));
    match said.and_then(|()| out.write_all(&output)).and_then(|()| out.flush()) {
        Ok(()) => 0,
        Err(_) => FAILED,
    }
}

/// First of all, before one byte is read. What a process has given up it cannot take back.
fn limit() -> rustix::io::Result<()> {
    let hold =
        |resource, most| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    hold(Resource::Data, MEMORY_BYTES_MAX)?;
    // No core: it would hold the sheet. No file is written, and no more than one is opened.
    hold(Resource::Core, 0)?;
    hold(Resource::Fsize, 0)?;
    hold(Resource::Nofile, 4)?;
    setrlimit(Resource::Cpu, Rlimit { current: Some(CPU_S_MAX), maximum: Some(CPU_S_MAX + 1) })
}

fn cost() -> Cost {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let cpu_ms = time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    Cost { cpu_ms: u64::try_from(cpu_ms).unwrap_or_default(), memory_peak_kib: peak.unwrap_or(0) }
}
