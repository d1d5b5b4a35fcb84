//! What fits through the peer port, for both of its ends. tonic's defaults are not safe on an open
//! port, so each of these is set (protocol section 9).

use jieli_proto::envelope::ENVELOPE_LEN_MAX;
use jieli_proto::section::SECTIONS_LEN_MAX;

/// Letters of one delivery, and letters in work on one stream.
pub const WINDOW: usize = 256;

/// Consents in one letter together: a message cites one.
pub const CONSENTS_BYTES_MAX: usize = ENVELOPE_LEN_MAX;

/// Items in the proof of one receipt: a batch takes in no more letters.
pub const ITEMS_MAX: usize = 256;

/// The proof of a receipt: per item the item, 8 hashes to its root and up to 63 to the log's.
pub const PROOF_BYTES_MAX: usize = ITEMS_MAX * (160 + (8 + 63) * 34) + NOTE_BYTES_MAX;

/// A signed checkpoint: its text, and at least 16 signature lines.
pub const NOTE_BYTES_MAX: usize = 16 * 1024;

/// Signed heads told at once; their bytes together are limited, too.
pub const HEADS_MAX: usize = 64;
/// See [`HEADS_MAX`].
pub const HEADS_BYTES_MAX: usize = 64 * 1024;

/// Proofs of misbehaviour told at once; their bytes together are limited, too.
pub const FINDINGS_MAX: usize = 4;
/// See [`FINDINGS_MAX`].
pub const FINDINGS_BYTES_MAX: usize = 256 * 1024;

/// A letter: an envelope, with sections and consents or with the proof of a receipt.
pub const LETTER_BYTES_MAX: usize =
    ENVELOPE_LEN_MAX + SECTIONS_LEN_MAX + CONSENTS_BYTES_MAX + PROOF_BYTES_MAX;

/// An answer, a record that was fetched, or a proof.
pub const ANSWER_BYTES_MAX: usize = LETTER_BYTES_MAX + 8 * 1024;

/// What may be on its way in one stream before it is read.
pub const STREAM_WINDOW_BYTES: u32 = 1 << 20;

/// The same for all streams of a connection.
pub const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

/// All header fields of a request.
pub const HEADER_BYTES_MAX: u32 = 16 * 1024;

/// One HTTP/2 frame.
pub const FRAME_BYTES_MAX: u32 = 64 * 1024;
