//! The one way in which text from elsewhere gets into a page.

/// Text, made safe for an element or a quoted attribute. Lines stay lines; other control characters
/// become blanks.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push('\n'),
            '\r' => {}
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_gets_out_of_an_element_or_attribute() {
        assert_eq!(
            escape("<a b=\"c\" d='e'>&\u{0}\r\nf"),
            "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp; \nf"
        );
    }
}
