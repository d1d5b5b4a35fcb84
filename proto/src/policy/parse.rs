//! Reading the text form of C2SP tlog-policy.

use super::{ENTRIES_MAX, Group, POLICY_BYTES_MAX, Policy, PolicyError, Witness, is_kind_for};
use crate::note::{VKey, parse_decimal};

impl Policy {
    /// Reads a policy: the whole line syntax of the standard with the key types Jieli knows. URLs
    /// and comments are dropped.
    pub fn parse(text: &str) -> Result<Policy, PolicyError> {
        if text.len() > POLICY_BYTES_MAX {
            return Err(PolicyError::TooLarge);
        }
        let is_allowed = |byte: u8| byte >= 0x20 && byte != 0x7f || matches!(byte, b'\t' | b'\n');
        let lines = text.strip_suffix('\n').ok_or(PolicyError::Malformed)?;
        if !text.bytes().all(is_allowed) {
            return Err(PolicyError::Malformed);
        }
        let mut policy =
            Policy { logs: Vec::new(), witnesses: Vec::new(), groups: Vec::new(), quorum: None };
        let mut quorums = 0;
        for line in lines.split('\n') {
            let words: Vec<&str> =
                line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
            match words.as_slice() {
                [] => {}
                [first, ..] if first.starts_with('#') => {}
                ["log", key] | ["log", key, _] => policy.add_log(key)?,
                ["witness", name, key] | ["witness", name, key, _] => {
                    policy.add_witness(name, key)?;
                }
                ["group", name, threshold, members @ ..] => {
                    policy.add_group(name, threshold, members)?;
                }
                ["quorum", name] => {
                    quorums += 1;
                    policy.quorum = policy.quorum_of(name)?;
                }
                _ => return Err(PolicyError::Malformed),
            }
        }
        if quorums == 1 { Ok(policy) } else { Err(PolicyError::BadQuorum) }
    }

    fn add_log(&mut self, key: &str) -> Result<(), PolicyError> {
        let key = read_key(key, true)?;
        if self.logs.iter().any(|log| log.key() == key.key()) {
            return Err(PolicyError::Duplicate);
        }
        self.logs.push(key);
        limit(self.logs.len())
    }

    fn add_witness(&mut self, name: &str, key: &str) -> Result<(), PolicyError> {
        let key = read_key(key, false)?;
        let is_same = |witness: &Witness| witness.key.key() == key.key();
        if !self.is_free(name) || self.witnesses.iter().any(is_same) {
            return Err(PolicyError::Duplicate);
        }
        self.witnesses.push(Witness { name: name.to_owned(), key });
        limit(self.witnesses.len())
    }

    fn add_group(
        &mut self,
        name: &str,
        threshold: &str,
        members: &[&str],
    ) -> Result<(), PolicyError> {
        if !self.is_free(name) {
            return Err(PolicyError::Duplicate);
        }
        let threshold = match threshold {
            "all" => members.len(),
            "any" => 1,
            number => parse_decimal(number)
                .and_then(|number| usize::try_from(number).ok())
                .ok_or(PolicyError::BadThreshold)?,
        };
        if threshold < 1 || threshold > members.len() {
            return Err(PolicyError::BadThreshold);
        }
        for (at, member) in members.iter().enumerate() {
            if *member == "none" || self.is_free(member) {
                return Err(PolicyError::Undefined);
            }
            // Once in the whole policy, so that a witness counts towards the quorum in one way only.
            let is_listed = |group: &Group| group.members.iter().any(|listed| listed == member);
            if members[..at].contains(member) || self.groups.iter().any(is_listed) {
                return Err(PolicyError::Duplicate);
            }
        }
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        self.groups.push(Group { name: name.to_owned(), threshold, members });
        limit(self.groups.len())
    }

    fn quorum_of(&self, name: &str) -> Result<Option<String>, PolicyError> {
        match name {
            "none" => Ok(None),
            name if self.is_free(name) => Err(PolicyError::Undefined),
            name => Ok(Some(name.to_owned())),
        }
    }

    /// Whether nothing has this name yet. `none` is taken from the start.
    fn is_free(&self, name: &str) -> bool {
        name != "none"
            && !self.witnesses.iter().any(|witness| witness.name == name)
            && !self.groups.iter().any(|group| group.name == name)
    }
}

fn read_key(text: &str, is_log: bool) -> Result<VKey, PolicyError> {
    let key = VKey::parse(text).map_err(PolicyError::BadKey)?;
    if is_kind_for(&key, is_log) { Ok(key) } else { Err(PolicyError::WrongKind) }
}

fn limit(entries: usize) -> Result<(), PolicyError> {
    if entries > ENTRIES_MAX { Err(PolicyError::TooLarge) } else { Ok(()) }
}
