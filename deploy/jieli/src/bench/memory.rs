//! What a process takes, where the system tells.

/// A line of `/proc/PID/status`, in KiB; 0 where there is none.
pub(super) fn of(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// What this process holds now.
pub(super) fn now_kib() -> u64 {
    of(&std::fs::read_to_string("/proc/self/status").unwrap_or_default(), "VmRSS")
}

/// The most this process held at once.
pub(super) fn peak_kib() -> u64 {
    of(&std::fs::read_to_string("/proc/self/status").unwrap_or_default(), "VmHWM")
}
