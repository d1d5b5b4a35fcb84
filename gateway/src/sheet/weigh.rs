//! Weighs an .xlsx before anything of it is understood: what the archive says it unpacks to, what
//! it really unpacks to, and what its XML is made of. Unpacks once, keeps nothing.

use std::io::{Cursor, Read};

use super::Limits;
use super::refusal::SheetRefusal;

/// More members than this has no workbook of an office.
const MEMBERS_MAX: usize = 2_000;
/// Open elements inside each other; a workbook has seven.
const DEPTH_MAX: usize = 64;
/// One text or one tag, in bytes: a spreadsheet takes 32,767 characters in a cell.
const TOKEN_BYTES_MAX: usize = 256 << 10;
/// Unpacked at a time.
const PIECE_BYTES: usize = 64 << 10;

pub(super) type Archive<'a> = zip::ZipArchive<Cursor<&'a [u8]>>;

/// The archive if it is a workbook without macros that unpacks to no more than it may.
pub(super) fn weighed<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Archive<'a>, SheetRefusal> {
    let mut archive = Archive::new(Cursor::new(bytes)).map_err(|_| SheetRefusal::Damaged)?;
    if archive.len() > MEMBERS_MAX {
        return Err(SheetRefusal::TooManyParts { parts_max: MEMBERS_MAX });
    }
    declared(&mut archive, limits)?;
    if archive.index_for_name("xl/workbook.xml").is_none() {
        return Err(SheetRefusal::NotASheet);
    }
    unpacked(&mut archive, limits)?;
    Ok(archive)
}

/// What the directory of the archive says of its members: nothing is unpacked for it.
fn declared(archive: &mut Archive<'_>, limits: &Limits) -> Result<(), SheetRefusal> {
    let (mut total, mut places) = (0u64, Vec::new());
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(|_| SheetRefusal::Damaged)?;
        if member.encrypted() {
            return Err(SheetRefusal::OldOrLocked);
        }
        if member.name_raw().ends_with(b"vbaProject.bin") {
            return Err(SheetRefusal::Macros);
        }
        total = total.saturating_add(member.size());
        let start = member.data_start().unwrap_or(member.header_start());
        places.push((member.header_start(), start.saturating_add(member.compressed_size())));
    }
    if total > limits.inflated_bytes_max {
        return Err(SheetRefusal::InflatesTooFar { bytes_max: limits.inflated_bytes_max });
    }
    // The same packed bytes named by many members unpack many times.
    places.sort_unstable();
    let overlap = places.windows(2).any(|pair| pair[1].0 < pair[0].1);
    if overlap { Err(SheetRefusal::Overlapping) } else { Ok(()) }
}

fn unpacked(archive: &mut Archive<'_>, limits: &Limits) -> Result<(), SheetRefusal> {
    let mut left = limits.inflated_bytes_max;
    let mut piece = vec![0; PIECE_BYTES];
    let mut shape = Shape::new(limits);
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(|_| SheetRefusal::Damaged)?;
        let xml = [&b".xml"[..], b".rels", b".vml"].iter().any(|e| member.name_raw().ends_with(e));
        shape.start();
        loop {
            let read = member.read(&mut piece).map_err(|_| SheetRefusal::Damaged)?;
            if read == 0 {
                break;
            }
            left = left
                .checked_sub(read as u64)
                .ok_or(SheetRefusal::InflatesTooFar { bytes_max: limits.inflated_bytes_max })?;
            if xml {
                shape.feed(&piece[..read])?;
            }
        }
    }
    Ok(())
}

/// What the XML is made of, seen in passing: how deep, how long, how many. It need not be right
/// about XML that is wrong; the reader behind it is.
struct Shape<'a> {
    limits: &'a Limits,
    in_tag: bool,
    token_bytes: usize,
    /// The first bytes of the present tag, and its last.
    head: Vec<u8>,
    last: u8,
    depth: usize,
    /// Whether a text of the workbook goes on, and how long it is so far: it may come in pieces.
    in_text: bool,
    text_bytes: usize,
    strings: usize,
    merges: usize,
}

impl<'a> Shape<'a> {
    fn new(limits: &'a Limits) -> Shape<'a> {
        Shape {
            limits,
            in_tag: false,
            token_bytes: 0,
            head: Vec::new(),
            last: 0,
            depth: 0,
            in_text: false,
            text_bytes: 0,
            strings: 0,
            merges: 0,
        }
    }

    /// The next member begins; what is counted is counted over all.
    fn start(&mut self) {
        (self.in_tag, self.token_bytes, self.depth) = (false, 0, 0);
        self.in_text = false;
        self.head.clear();
    }

    fn feed(&mut self, mut piece: &[u8]) -> Result<(), SheetRefusal> {
        loop {
            let end = if self.in_tag { b'>' } else { b'<' };
            let found = memchr::memchr(end, piece);
            let part = &piece[..found.unwrap_or(piece.len())];
            self.token_bytes += part.len();
            if self.in_text && !self.in_tag {
                self.text_bytes += part.len();
            }
            if self.token_bytes.max(self.text_bytes) > TOKEN_BYTES_MAX {
                return Err(SheetRefusal::LongText { bytes_max: TOKEN_BYTES_MAX });
            }
            if self.in_tag {
                let room = 16usize.saturating_sub(self.head.len());
                self.head.extend(part.iter().take(room));
                self.last = part.last().copied().unwrap_or(self.last);
            }
            let Some(at) = found else { return Ok(()) };
            if self.in_tag {
                self.tag()?;
                self.head.clear();
                self.last = 0;
            }
            (self.in_tag, self.token_bytes) = (!self.in_tag, 0);
            piece = &piece[at + 1..];
        }
    }

    fn tag(&mut self) -> Result<(), SheetRefusal> {
        match self.head.first() {
            Some(b'?') | None => return Ok(()),
            Some(b'!') => {
                let declares = [&b"!DOCTYPE"[..], b"!ENTITY"];
                let declares = declares.iter().any(|word| self.head.starts_with(word));
                return if declares { Err(SheetRefusal::Entities) } else { Ok(()) };
            }
            Some(b'/') => {
                self.depth = self.depth.saturating_sub(1);
                if matches!(local(&self.head[1..]), b"si" | b"is") {
                    (self.in_text, self.text_bytes) = (false, 0);
                }
                return Ok(());
            }
            Some(_) => {}
        }
        let name = local(&self.head);
        if matches!(name, b"si" | b"is") && self.last != b'/' {
            (self.in_text, self.text_bytes) = (true, 0);
        }
        self.strings += usize::from(name == b"si");
        self.merges += usize::from(name == b"mergeCell");
        if self.strings > self.limits.strings_max {
            return Err(SheetRefusal::TooManyStrings { strings_max: self.limits.strings_max });
        }
        if self.merges > self.limits.merges_max {
            return Err(SheetRefusal::TooManyMerges { merges_max: self.limits.merges_max });
        }
        if self.last != b'/' {
            self.depth += 1;
        }
        if self.depth > DEPTH_MAX { Err(SheetRefusal::TooDeep) } else { Ok(()) }
    }
}

/// The name of a tag without its prefix.
fn local(head: &[u8]) -> &[u8] {
    let name = head.split(|byte| byte.is_ascii_whitespace() || *byte == b'/').next();
    name.and_then(|name| name.rsplit(|byte| *byte == b':').next()).unwrap_or_default()
}
