//! A QR code drawn as one SVG path.

use super::PageError;
use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write as _;

/// White modules around the code.
const QUIET: usize = 4;

/// A code of so many millimetres, at level M where it stays readable in print, else at level L. The
/// text stands beside it in `data-jieli`.
pub(super) fn svg(text: &str, mm: u32) -> Result<String, PageError> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M)
        .ok()
        .filter(|code| code.width() <= WIDTH_MAX)
        .map_or_else(|| QrCode::with_error_correction_level(text, EcLevel::L), Ok)
        .map_err(|_| PageError::TooLong)?;
    let width = code.width();
    let colors = code.to_colors();
    let mut path = String::new();
    for (y, row) in colors.chunks(width).enumerate() {
        let mut x = 0;
        while x < width {
            let run = row[x..].iter().take_while(|color| **color == Color::Dark).count();
            if run > 0 {
                // Writing to a string cannot fail.
                let _ = write!(path, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
            }
            x += run.max(1);
        }
    }
    let side = width + 2 * QUIET;
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{mm}mm\" height=\"{mm}mm\" \
         viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\" data-jieli=\"{}\">\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}h-{side}z\"/><path d=\"{path}\"/></svg>",
        crate::html::escape(text)
    ))
}

/// Modules a side above which the smaller level is taken: version 28.
const WIDTH_MAX: usize = 129;
