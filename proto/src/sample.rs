//! The sample that a reviewer looks at, drawn so that nobody can choose it afterwards and anybody
//! can draw it again: by a seed and the leaf hashes of the exchange log, which are the same in both
//! cities.

use crate::tree::{Hash, sha256};

/// The longest seed, in bytes.
pub const SEED_BYTES_MAX: usize = 64;

const CONTEXT: &[u8] = b"jieli/sample/v1\0";

/// Whether a text can be a seed: 1 to 64 printable ASCII characters, blanks at no end.
pub fn is_seed(text: &str) -> bool {
    let printable = |byte: u8| (0x20..0x7f).contains(&byte);
    (1..=SEED_BYTES_MAX).contains(&text.len()) && text.bytes().all(printable) && text.trim() == text
}

/// The lot of a leaf: SHA-256("jieli/sample/v1" 00 || u8 length of the seed || seed || leaf hash).
pub fn lot(seed: &str, leaf: &Hash) -> Hash {
    sha256(&[CONTEXT, &[seed.len() as u8], seed.as_bytes(), leaf].concat())
}

/// The positions of the `size` leaves with the lowest lots, the lowest first.
pub fn draw(seed: &str, leaves: &[Hash], size: usize) -> Vec<usize> {
    let mut lots: Vec<(Hash, usize)> =
        leaves.iter().enumerate().map(|(at, leaf)| (lot(seed, leaf), at)).collect();
    lots.sort_unstable();
    lots.into_iter().take(size).map(|(_, at)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked out with another program (Python's hashlib).
    #[test]
    fn the_draw_is_the_documented_one() {
        let leaves: Vec<Hash> = (0..5u8).map(|byte| [byte; 32]).collect();
        assert_eq!(hex::encode(lot("2026-11", &leaves[0])), LOT_0);
        assert_eq!(draw("2026-11", &leaves, 3), DRAWN);
        assert_eq!(draw("2026-11", &leaves, 9).len(), 5);
        assert!(draw("2026-11", &[], 3).is_empty());
        // The order in which the leaves are given tells nothing.
        let turned: Vec<Hash> = leaves.iter().rev().copied().collect();
        let again = draw("2026-11", &turned, 3);
        assert_eq!(again.iter().map(|at| 4 - at).collect::<Vec<_>>(), DRAWN);
        assert_ne!(draw("2026-12", &leaves, 5), draw("2026-11", &leaves, 5));
    }

    #[test]
    fn a_seed_is_short_and_plain() {
        for good in ["1", "2026-11 dice 4 2 6", &"x".repeat(64)] {
            assert!(is_seed(good), "{good}");
        }
        for bad in ["", " a", "a ", "骰子", "a\n", &"x".repeat(65)] {
            assert!(!is_seed(bad), "{bad}");
        }
    }

    const LOT_0: &str = "fd7c2a92607ac3ab3acf695be7a3dca46ecbe3b030d89f81471f83135ce2e7c4";
    const DRAWN: [usize; 3] = [2, 4, 3];
}
