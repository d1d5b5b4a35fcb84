//! What a body may tell of the records it has opened: counts by kind, and none that gives anybody
//! away.

use jieli_proto::sealed::figure;
use jieli_proto::wire::{CallBackWord, CallBackWords, FigureLine, GrievanceKind};
use std::collections::BTreeMap;

/// Grievances by kind. Records whose kind is not known count among all, and have no line.
pub fn by_kind(opened: &[GrievanceKind]) -> Vec<FigureLine> {
    let mut kinds = BTreeMap::new();
    for kind in opened.iter().filter(|kind| **kind != GrievanceKind::Unspecified) {
        *kinds.entry(i32::from(*kind)).or_insert(0) += 1;
    }
    lines(kinds, opened.len())
}

/// Whether an answer speaks against it.
type Against = fn(&CallBackWords) -> bool;

/// What was said against it in a call-back, in the words of a grievance; a line for each question,
/// also where nobody said it.
pub fn said_against(answers: &[CallBackWords]) -> Vec<FigureLine> {
    let asked: [(GrievanceKind, Against); 4] = [
        (GrievanceKind::FeeTaken, |said| said.money_taken() == CallBackWord::Yes),
        (GrievanceKind::IdWithheld, |said| said.document_kept() == CallBackWord::Yes),
        (GrievanceKind::NotByMyChoice, |said| said.own_choice() == CallBackWord::No),
        (GrievanceKind::TermsDiffer, |said| said.terms_as_told() == CallBackWord::No),
    ];
    let count = |is: Against| {
        let said = answers.iter().filter(|said| is(said)).count();
        u32::try_from(said).unwrap_or(u32::MAX)
    };
    let kinds = asked.map(|(kind, is)| (i32::from(kind), count(is)));
    lines(kinds.into(), answers.len())
}

fn lines(kinds: BTreeMap<i32, u32>, total: usize) -> Vec<FigureLine> {
    let total = u32::try_from(total).unwrap_or(u32::MAX);
    let line = |(kind, count)| {
        let (count, or_more) = figure(count, total);
        FigureLine { kind, count, or_more }
    };
    kinds.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &[FigureLine]) -> Vec<(GrievanceKind, u32, bool)> {
        lines.iter().map(|line| (line.kind(), line.count, line.or_more)).collect()
    }

    #[test]
    fn a_call_back_counts_what_was_said_against_it() {
        // Of twelve: six not by their choice, five paid, four found other terms, no document kept.
        let answers: Vec<CallBackWords> = (0..12)
            .map(|at| {
                let word = |is| if is { CallBackWord::Yes } else { CallBackWord::No };
                CallBackWords {
                    own_choice: word(at >= 6).into(),
                    money_taken: word(at < 5).into(),
                    document_kept: CallBackWord::Unspecified.into(),
                    terms_as_told: word(at >= 4).into(),
                }
            })
            .collect();
        let expected = [
            (GrievanceKind::FeeTaken, 5, false),
            (GrievanceKind::IdWithheld, 0, false),
            (GrievanceKind::NotByMyChoice, 6, false),
            (GrievanceKind::TermsDiffer, 0, false),
        ];
        assert_eq!(told(&said_against(&answers)), expected);
        // Where nearly everybody said it, the others would be known by the rest.
        assert_eq!(told(&said_against(&answers[..6]))[2], (GrievanceKind::NotByMyChoice, 5, true));
        assert!(said_against(&[]).iter().all(|line| (line.count, line.or_more) == (0, false)));
    }

    #[test]
    fn a_month_counts_by_kind_and_names_no_few() {
        let kinds = [
            vec![GrievanceKind::FeeTaken; 6],
            vec![GrievanceKind::WageArrears; 4],
            vec![GrievanceKind::Unspecified; 3],
        ];
        let expected =
            [(GrievanceKind::FeeTaken, 6, false), (GrievanceKind::WageArrears, 0, false)];
        assert_eq!(told(&by_kind(&kinds.concat())), expected);
        assert!(by_kind(&[]).is_empty());
    }
}
