//! Whom a message of a leg has to name.

/// The office that examines a leg, by what is known of the examiner's lane: that of the last
/// REDIRECT among its first `known` places, else the one that the first message went to. The
/// examiner names it by all it said before, the initiator by what it had seen; so both cities
/// expect the same office, whatever crossed on the way. `redirects`: place and office of every
/// REDIRECT that takes effect.
pub fn examiner_office<T>(
    opened: T,
    redirects: impl IntoIterator<Item = (u32, T)>,
    known: u32,
) -> T {
    let seen = redirects.into_iter().filter(|(seq, _)| *seq <= known);
    seen.max_by_key(|(seq, _)| *seq).map_or(opened, |(_, office)| office)
}
