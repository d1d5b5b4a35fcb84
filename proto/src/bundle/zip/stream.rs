//! The same container, file by file: for what is too large to be held at once.

use super::{
    CENTRAL, CENTRAL_LEN, END, END_LEN, Entry, LOCAL, PATH_LEN_MAX, VERSION, ZipError,
    shared_fields, u16_at, u32_at,
};

/// Writes a container. What it gives back goes out in this order: header and data of each file,
/// then the end.
#[derive(Debug)]
pub(in super::super) struct Stream {
    directory: Vec<u8>,
    offset: u64,
    count: u16,
    len_max: u64,
}

impl Stream {
    /// An empty container of at most so many bytes; offsets have 32 bits.
    pub(in super::super) fn new(len_max: u64) -> Stream {
        let len_max = len_max.min(u64::from(u32::MAX));
        Stream { directory: Vec::new(), offset: 0, count: 0, len_max }
    }

    /// The bytes before a file's data.
    pub(in super::super) fn header(&mut self, file: &Entry<'_>) -> Result<Vec<u8>, ZipError> {
        self.count = self.count.checked_add(1).ok_or(ZipError::TooLarge)?;
        let shared = shared_fields(file);
        let header = [&LOCAL[..], &shared, file.path.as_bytes()].concat();
        self.directory.extend(CENTRAL);
        self.directory.extend(VERSION.to_le_bytes());
        self.directory.extend(&shared);
        // Comment length, disk, internal attributes: 2 bytes each; external attributes: 4.
        self.directory.extend([0; 10]);
        self.directory.extend((self.offset as u32).to_le_bytes());
        self.directory.extend(file.path.as_bytes());
        self.offset += (header.len() + file.data.len()) as u64;
        let whole = self.offset + (self.directory.len() + END_LEN) as u64;
        let fits = whole <= self.len_max && file.path.len() <= PATH_LEN_MAX;
        if fits { Ok(header) } else { Err(ZipError::TooLarge) }
    }

    /// Central directory and end record.
    pub(in super::super) fn end(mut self) -> Result<Vec<u8>, ZipError> {
        let length = self.directory.len() as u32;
        if self.offset + self.directory.len() as u64 + END_LEN as u64 > self.len_max {
            return Err(ZipError::TooLarge);
        }
        let mut out = std::mem::take(&mut self.directory);
        out.extend(END);
        out.extend([0; 4]);
        out.extend(self.count.to_le_bytes());
        out.extend(self.count.to_le_bytes());
        out.extend(length.to_le_bytes());
        out.extend((self.offset as u32).to_le_bytes());
        out.extend([0; 2]);
        Ok(out)
    }
}

/// A file in the central directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Listed {
    /// Its path.
    pub(in super::super) path: String,
    /// Where its data begins, in a container that [`Stream`] wrote.
    pub(in super::super) at: u64,
    /// Length of its data.
    pub(in super::super) len: usize,
}

/// The files by the central directory of a container of this length; `tail` is its end, as much of
/// it as the caller has. `Ok(Err(n))` asks for the last `n` bytes. Whether the container is what
/// [`Stream`] makes of its files is for the caller to compare.
pub(in super::super) fn list(
    tail: &[u8],
    total: u64,
) -> Result<Result<Vec<Listed>, usize>, ZipError> {
    let end_at = tail.len().checked_sub(END_LEN).ok_or(ZipError::NoDirectory)?;
    let end = &tail[end_at..];
    if end[..4] != END {
        return Err(ZipError::NoDirectory);
    }
    let (count, length, offset) = (u16_at(end, 10)?, u32_at(end, 12)?, u32_at(end, 16)?);
    if offset as u64 + length as u64 + END_LEN as u64 != total {
        return Err(ZipError::NoDirectory);
    }
    let Some(start) = end_at.checked_sub(length) else { return Ok(Err(length + END_LEN)) };
    let mut rest = &tail[start..end_at];
    let (mut found, mut next) = (Vec::new(), 0_u64);
    for _ in 0..count {
        let header = rest.get(..CENTRAL_LEN).ok_or(ZipError::NoDirectory)?;
        let (len, name_len) = (u32_at(header, 24)?, u16_at(header, 28)?);
        let name = rest.get(CENTRAL_LEN..CENTRAL_LEN + name_len).ok_or(ZipError::NoDirectory)?;
        let path = std::str::from_utf8(name).map_err(|_| ZipError::BadFile)?.to_owned();
        rest = &rest[CENTRAL_LEN + name_len..];
        let at = next + (super::LOCAL_LEN + name_len) as u64;
        next = at + len as u64;
        found.push(Listed { path, at, len });
    }
    // Another layout would be other bytes than the ones that are written.
    let whole = rest.is_empty() && next == offset as u64;
    if whole { Ok(Ok(found)) } else { Err(ZipError::BadFile) }
}
