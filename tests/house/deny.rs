//! The one deny list, and the names that only sound like it.

/// Names that the list finds and that mean something else, in full.
const MEANS_OTHERWISE: &[&str] = &[
    "jieli.v1.Party",                  // to an agreement
    "jieli.v1.Revocation.fingerprint", // of a key
    "json.fingerprint",                // of a key
    "json.age_minutes",                // of a cosignature
];

/// The forbidden topic that a name touches, if it may not exist in that place.
pub(crate) fn is_forbidden(place: &str, name: &str) -> Option<&'static str> {
    let full = format!("{place}.{name}");
    if MEANS_OTHERWISE.contains(&full.as_str()) {
        return None;
    }
    jieli_proto::deny::is_forbidden(name)
}
