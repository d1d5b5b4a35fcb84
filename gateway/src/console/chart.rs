//! Charts: a table whose rows have a bar drawn beside their numbers, so that it can be read in
//! print, in a narrow window, without colours and aloud.

/// A kind of thing that is counted, in the order of its bar.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// Its name.
    pub(crate) name: String,
    /// How it looks: `s1` to `s6`, from good to bad.
    pub(crate) class: &'static str,
}

/// A chart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chart {
    pub(crate) heading: String,
    /// What it says, in a sentence.
    pub(crate) note: String,
    /// What its rows are.
    pub(crate) head: String,
    pub(crate) series: Vec<Series>,
    pub(crate) rows: Vec<Row>,
    /// What stands there without rows.
    pub(crate) empty: &'static str,
}

/// A row: what it is, and how many of each series.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) label: String,
    pub(crate) counts: Vec<u64>,
}

/// A part of a bar, in thousandths of the longest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) at: u64,
    pub(crate) width: u64,
    pub(crate) class: &'static str,
}

const WHOLE: u64 = 1_000;

impl Chart {
    /// The bar of a row: its parts end to end, the longest row filling the width.
    pub(crate) fn bar(&self, row: &Row) -> Vec<Part> {
        let longest = self.rows.iter().map(|row| row.counts.iter().sum::<u64>()).max();
        let longest = longest.unwrap_or(0).max(1);
        let mut sum = 0;
        let mut parts = Vec::new();
        for (count, series) in row.counts.iter().zip(&self.series) {
            let (from, to) = (sum * WHOLE / longest, (sum + count) * WHOLE / longest);
            sum += count;
            if *count > 0 {
                // Whatever there is can be seen.
                parts.push(Part { at: from, width: (to - from).max(4), class: series.class });
            }
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::{Chart, Part, Row, Series};

    #[test]
    fn bars_are_as_long_as_their_numbers() {
        let series = |class| Series { name: String::new(), class };
        let row = |counts: &[u64]| Row { label: String::new(), counts: counts.to_vec() };
        let chart = Chart {
            series: vec![series("s1"), series("s4")],
            rows: vec![row(&[30, 10]), row(&[10, 0]), row(&[0, 0])],
            ..Chart::default()
        };
        let part = |at, width, class| Part { at, width, class };
        assert_eq!(chart.bar(&chart.rows[0]), [part(0, 750, "s1"), part(750, 250, "s4")]);
        assert_eq!(chart.bar(&chart.rows[1]), [part(0, 250, "s1")]);
        assert!(chart.bar(&chart.rows[2]).is_empty());
        let tiny = Chart { rows: vec![row(&[100_000, 1])], ..chart };
        assert_eq!(tiny.bar(&tiny.rows[0])[1].width, 4, "one in a hundred thousand is seen");
    }
}
