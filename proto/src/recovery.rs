//! What a city states about a log that did not just grow: that it was rebuilt after a restore, or
//! that it goes on in a new epoch.

use crate::id::{CityId, Digest};
use crate::tree::SIZE_MAX;
use crate::wire;

/// A statement is not what its kind asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the statement's {0} has a wrong form")]
pub struct BadStatement(pub &'static str);

/// A head that a statement names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// Number of leaves.
    pub size: u64,
    /// RFC 6962 root.
    pub root: Digest,
}

/// A log was rebuilt in its epoch: it has every leaf it ever signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// Whose log.
    pub city: CityId,
    /// Its epoch.
    pub epoch: u32,
    /// What the restored database held.
    pub found_size: u64,
    /// What was rebuilt.
    pub rebuilt: Named,
    /// The largest head that was known to have been signed; not beyond what was rebuilt.
    pub known: Named,
}

/// A log ended at a head and goes on, empty, in the next epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succeeded {
    /// Whose log.
    pub city: CityId,
    /// The epoch that ended.
    pub old_epoch: u32,
    /// Up to where it counts; what was signed for it beyond does not.
    pub old: Named,
    /// The epoch in which it goes on, a later one.
    pub new_epoch: u32,
}

/// The epoch that an origin of a city's exchange log names, from 1.
pub fn epoch_of(city: &CityId, origin: &str) -> Option<u32> {
    let (_, epoch) = origin.rsplit_once('/')?;
    let epoch: u32 = epoch.parse().ok().filter(|epoch| *epoch > 0)?;
    (city.exchange_origin(epoch) == origin).then_some(epoch)
}

/// Reads a recovery statement about an exchange log.
pub fn check_recovery(found: &wire::Recovery) -> Result<Rebuilt, BadStatement> {
    let city = CityId::parse(&found.city_id).ok_or(BadStatement("city id"))?;
    let epoch = epoch_of(&city, &found.origin).ok_or(BadStatement("origin"))?;
    let rebuilt = named(found.rebuilt_size, &found.rebuilt_root, "rebuilt head")?;
    let known = named(found.known_size, &found.known_root, "known head")?;
    let equal = rebuilt.size == known.size && rebuilt.root != known.root;
    if found.found_size > rebuilt.size || known.size > rebuilt.size || equal {
        return Err(BadStatement("order of sizes"));
    }
    if !found.sources.iter().all(|source| CityId::parse(source).is_some()) {
        return Err(BadStatement("list of sources"));
    }
    time(found.recovered_unix_ms)?;
    Ok(Rebuilt { city, epoch, found_size: found.found_size, rebuilt, known })
}

/// Reads a successor statement. That the root signed it is for the caller to verify.
pub fn check_successor(found: &wire::Successor) -> Result<Succeeded, BadStatement> {
    let city = CityId::parse(&found.city_id).ok_or(BadStatement("city id"))?;
    let old_epoch = epoch_of(&city, &found.old_origin).ok_or(BadStatement("old origin"))?;
    let new_epoch = epoch_of(&city, &found.new_origin).ok_or(BadStatement("new origin"))?;
    let old = named(found.old_size, &found.old_root, "old head")?;
    if new_epoch <= old_epoch {
        return Err(BadStatement("order of epochs"));
    }
    if found.reason() == wire::SuccessorReason::Unspecified {
        return Err(BadStatement("reason"));
    }
    time(found.declared_unix_ms)?;
    Ok(Succeeded { city, old_epoch, old, new_epoch })
}

fn named(size: u64, root: &[u8], what: &'static str) -> Result<Named, BadStatement> {
    let root = Digest::from_slice(root).ok_or(BadStatement(what))?;
    if size > SIZE_MAX || (size == 0) != (root.0 == crate::tree::empty_root()) {
        return Err(BadStatement(what));
    }
    Ok(Named { size, root })
}

fn time(unix_ms: u64) -> Result<(), BadStatement> {
    let fits = (1..=253_402_300_799_999).contains(&unix_ms);
    if fits { Ok(()) } else { Err(BadStatement("time")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recovery() -> wire::Recovery {
        wire::Recovery {
            city_id: "city-a".to_owned(),
            origin: "jieli.city-a/log/1".to_owned(),
            found_size: 10,
            rebuilt_size: 12,
            rebuilt_root: vec![1; 32],
            sources: vec!["city-b".to_owned()],
            recovered_unix_ms: 1,
            known_size: 11,
            known_root: vec![2; 32],
        }
    }

    fn successor() -> wire::Successor {
        wire::Successor {
            city_id: "city-a".to_owned(),
            old_origin: "jieli.city-a/log/1".to_owned(),
            old_size: 10,
            old_root: vec![1; 32],
            new_origin: "jieli.city-a/log/2".to_owned(),
            declared_unix_ms: 1,
            reason: wire::SuccessorReason::HistoryLost.into(),
        }
    }

    #[test]
    fn an_origin_names_its_epoch_in_one_spelling() {
        let city = CityId::parse("city-a").unwrap();
        assert_eq!(epoch_of(&city, "jieli.city-a/log/12"), Some(12));
        for wrong in ["0", "01", "+1", "", "x", "1/1"] {
            assert_eq!(epoch_of(&city, &format!("jieli.city-a/log/{wrong}")), None, "{wrong}");
        }
        assert_eq!(epoch_of(&city, "jieli.city-b/log/1"), None);
        assert_eq!(epoch_of(&city, "jieli.city-a/local/1"), None);
    }

    #[test]
    fn a_recovery_reaches_what_was_signed() {
        assert_eq!(check_recovery(&recovery()).unwrap().rebuilt.size, 12);
        let wrong = |change: &dyn Fn(&mut wire::Recovery)| {
            let mut one = recovery();
            change(&mut one);
            check_recovery(&one).unwrap_err().0
        };
        assert_eq!(wrong(&|one| one.known_size = 13), "order of sizes");
        assert_eq!(wrong(&|one| one.found_size = 13), "order of sizes");
        assert_eq!(wrong(&|one| one.known_size = 12), "order of sizes");
        assert_eq!(wrong(&|one| one.origin = "jieli.city-a/local/1".to_owned()), "origin");
        assert_eq!(wrong(&|one| one.city_id = "city-b".to_owned()), "origin");
        assert_eq!(wrong(&|one| one.rebuilt_root = vec![1; 31]), "rebuilt head");
        assert_eq!(wrong(&|one| one.sources = vec!["B".to_owned()]), "list of sources");
        assert_eq!(wrong(&|one| one.recovered_unix_ms = 0), "time");
    }

    #[test]
    fn a_successor_goes_forward() {
        assert_eq!(check_successor(&successor()).unwrap().new_epoch, 2);
        let wrong = |change: &dyn Fn(&mut wire::Successor)| {
            let mut one = successor();
            change(&mut one);
            check_successor(&one).unwrap_err().0
        };
        let same = "jieli.city-a/log/1".to_owned();
        assert_eq!(wrong(&|one| one.new_origin.clone_from(&same)), "order of epochs");
        let other = "jieli.city-b/log/2".to_owned();
        assert_eq!(wrong(&|one| one.new_origin.clone_from(&other)), "new origin");
        assert_eq!(wrong(&|one| one.reason = 0), "reason");
        assert_eq!(wrong(&|one| one.old_size = 0), "old head");
        assert_eq!(wrong(&|one| one.declared_unix_ms = 0), "time");
    }
}
