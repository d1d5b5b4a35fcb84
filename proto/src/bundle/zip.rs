//! The container: a ZIP whose every byte follows from its files, so that it can be compared.
//!
//! Only what APPNOTE.TXT 6.3 sections 4.3.7, 4.3.12 and 4.3.16 call for: one local header and its
//! data per file, the central directory in the same order, the end record. Nothing between,
//! before or after; no extra fields, comments, data descriptors, ZIP64 or encryption.
//!
//! | field | local header | central directory | value |
//! |---|---|---|---|
//! | signature | 0 | 0 | `PK 03 04`, `PK 01 02` |
//! | version made by | - | 4 | 10 (1.0, MS-DOS) |
//! | version needed | 4 | 6 | 10 |
//! | flags | 6 | 8 | 0: names are ASCII |
//! | method | 8 | 10 | 0: stored |
//! | time, date | 10, 12 | 12, 14 | 0, 0 |
//! | CRC-32 | 14 | 16 | of the data |
//! | compressed, plain size | 18, 22 | 20, 24 | both the length of the data |
//! | name length | 26 | 28 | |
//! | extra length | 28 | 30 | 0 |
//! | comment length, disk, internal, external attributes | - | 32, 34, 36, 38 | 0 |
//! | offset of the local header | - | 42 | |
//! | name | 30 | 46 | |
//!
//! End record: `PK 05 06`, disks 0 and 0, number of files twice, length and offset of the central
//! directory, comment length 0. Integers are little-endian.

mod stream;

pub(super) use stream::{Listed, Stream, list};

/// Largest bundle in bytes.
pub const ZIP_LEN_MAX: usize = 256 * 1024 * 1024;

/// The most files: what the 16-bit counter of the end record can say.
pub const FILES_MAX: usize = u16::MAX as usize;

/// Longest path in bytes.
pub const PATH_LEN_MAX: usize = 255;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const LOCAL_LEN: usize = 30;
const CENTRAL_LEN: usize = 46;
const END_LEN: usize = 22;
const VERSION: u16 = 10;

/// The bytes are not a ZIP that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZipError {
    /// More bytes, files or longer paths than this format takes.
    #[error("too large: at most 256 MiB and 65535 files")]
    TooLarge,
    /// The end record or the central directory is not where it must be.
    #[error("no central directory")]
    NoDirectory,
    /// A file lies outside the bytes, overlaps, or is compressed or encrypted.
    #[error("a file in it cannot be read")]
    BadFile,
}

/// A file as found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its path in the central directory.
    pub path: &'a str,
    /// Its bytes.
    pub data: &'a [u8],
}

/// Writes files in the order given.
pub fn write<'a>(files: impl IntoIterator<Item = Entry<'a>>) -> Result<Vec<u8>, ZipError> {
    let (mut out, mut stream) = (Vec::new(), Stream::new(ZIP_LEN_MAX as u64));
    for file in files {
        out.extend(stream.header(&file)?);
        out.extend(file.data);
    }
    out.extend(stream.end()?);
    Ok(out)
}

/// From "version needed" to "extra length": the 26 bytes that both headers have.
fn shared_fields(file: &Entry<'_>) -> Vec<u8> {
    let length = (file.data.len() as u32).to_le_bytes();
    let mut out = Vec::with_capacity(26);
    out.extend(VERSION.to_le_bytes());
    // Flags, method, time, date.
    out.extend([0; 8]);
    out.extend(crc32fast::hash(file.data).to_le_bytes());
    out.extend(length);
    out.extend(length);
    out.extend((file.path.len() as u16).to_le_bytes());
    out.extend([0; 2]);
    out
}

/// Finds the files, in the order of the central directory. It reads what can be read; whether the
/// bytes are the ones that [`write()`] makes of these files is for the caller to compare.
pub fn read(zip: &[u8]) -> Result<Vec<Entry<'_>>, ZipError> {
    if zip.len() > ZIP_LEN_MAX {
        return Err(ZipError::TooLarge);
    }
    let end_at = zip.len().checked_sub(END_LEN).ok_or(ZipError::NoDirectory)?;
    let end = &zip[end_at..];
    if end[..4] != END {
        return Err(ZipError::NoDirectory);
    }
    let count = u16_at(end, 10)?;
    let (length, offset) = (u32_at(end, 12)?, u32_at(end, 16)?);
    if offset.checked_add(length) != Some(end_at) {
        return Err(ZipError::NoDirectory);
    }
    let mut rest = &zip[offset..end_at];
    let bodies = &zip[..offset];
    let mut entries = Vec::new();
    let mut total = 0;
    for _ in 0..count {
        let (entry, after) = file(rest, bodies)?;
        rest = after;
        // Files that overlap could be many times the input.
        total += LOCAL_LEN + entry.path.len() + entry.data.len();
        if total > bodies.len() {
            return Err(ZipError::BadFile);
        }
        entries.push(entry);
    }
    if rest.is_empty() { Ok(entries) } else { Err(ZipError::NoDirectory) }
}

/// One file by its entry in the central directory, and the directory after it.
fn file<'a>(directory: &'a [u8], bodies: &'a [u8]) -> Result<(Entry<'a>, &'a [u8]), ZipError> {
    let header = directory.get(..CENTRAL_LEN).ok_or(ZipError::NoDirectory)?;
    if header[..4] != CENTRAL {
        return Err(ZipError::NoDirectory);
    }
    let name_len = u16_at(header, 28)?;
    let skip = name_len + u16_at(header, 30)? + u16_at(header, 32)?;
    let name = directory.get(CENTRAL_LEN..CENTRAL_LEN + name_len).ok_or(ZipError::NoDirectory)?;
    let after = directory.get(CENTRAL_LEN + skip..).ok_or(ZipError::NoDirectory)?;
    let stored = u16_at(header, 8)? == 0 && u16_at(header, 10)? == 0;
    let length = u32_at(header, 20)?;
    let path = std::str::from_utf8(name).map_err(|_| ZipError::BadFile)?;
    if !stored || length != u32_at(header, 24)? || name_len > PATH_LEN_MAX {
        return Err(ZipError::BadFile);
    }
    let local = bodies.get(u32_at(header, 42)?..).ok_or(ZipError::BadFile)?;
    if local.len() < LOCAL_LEN || local[..4] != LOCAL {
        return Err(ZipError::BadFile);
    }
    let start = LOCAL_LEN + u16_at(local, 26)? + u16_at(local, 28)?;
    let data = local.get(start..start + length).ok_or(ZipError::BadFile)?;
    Ok((Entry { path, data }, after))
}

fn u16_at(bytes: &[u8], at: usize) -> Result<usize, ZipError> {
    let found = bytes.get(at..at + 2).ok_or(ZipError::BadFile)?;
    Ok(usize::from(found[0]) | usize::from(found[1]) << 8)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<usize, ZipError> {
    Ok(u16_at(bytes, at)? | u16_at(bytes, at + 2)? << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<Entry<'static>> {
        vec![
            Entry { path: "manifest.json", data: b"{}" },
            Entry { path: "a/b", data: b"" },
            Entry { path: "a/c", data: b"hello" },
        ]
    }

    #[test]
    fn files_read_back_in_order_and_write_again() {
        let zip = write(sample()).unwrap();
        assert_eq!(read(&zip).unwrap(), sample());
        assert_eq!(write(read(&zip).unwrap()).unwrap(), zip);
        assert_eq!(zip.len(), 3 * (30 + 46) + 2 * (13 + 3 + 3) + 7 + 22);
        let empty = write([]).unwrap();
        assert_eq!(empty.len(), 22);
        assert!(read(&empty).unwrap().is_empty());
    }

    #[test]
    fn no_flipped_byte_goes_unseen() {
        let zip = write(sample()).unwrap();
        for at in 0..zip.len() {
            for bit in 0..8 {
                let mut bad = zip.clone();
                bad[at] ^= 1 << bit;
                let same = read(&bad).is_ok_and(|files| write(files).as_ref() == Ok(&bad));
                // A changed letter of a path in both places would be another, valid, ZIP.
                assert!(!same, "byte {at} bit {bit}");
            }
        }
        for cut in 0..zip.len() {
            let same = read(&zip[..cut]).is_ok_and(|files| write(files).unwrap() == zip[..cut]);
            assert!(!same, "{cut}");
        }
        let longer = [&zip[..], b"x"].concat();
        assert_eq!(read(&longer), Err(ZipError::NoDirectory));
    }

    #[test]
    fn overlapping_files_are_not_multiplied() {
        let files = [Entry { path: "a", data: &[7; 100] }, Entry { path: "b", data: b"" }];
        let mut zip = write(files).unwrap();
        let second = zip.len() - END_LEN - (CENTRAL_LEN + 1);
        zip[second + 20] = 100;
        zip[second + 24] = 100;
        zip[second + 42..second + 46].fill(0);
        assert_eq!(read(&zip), Err(ZipError::BadFile));
    }
}
