//! Signed checkpoints of heads that are durable.

use crate::directory::Directory;
use crate::house::House;
use crate::plant;
use crate::store::StoreError;
use crate::store::log::{Head, Log};
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::id::CityId;
use jieli_proto::note::{KeyKind, Note, VKey};

pub(super) fn origin_of(city: &CityId, head: &Head) -> String {
    match head.id.log {
        Log::Exchange => city.exchange_origin(head.id.epoch),
        Log::Local => city.local_origin(head.id.epoch),
    }
}

pub(super) async fn sign_all(
    house: &House,
    directory: &Directory,
    heads: &[Head],
) -> Result<Vec<(Head, String)>, StoreError> {
    let mut signed = Vec::new();
    for head in heads {
        signed.push((head.clone(), sign(house, directory, head).await?));
    }
    Ok(signed)
}

/// The signed checkpoint of a head that is durable, by every log key in force whose file is here:
/// while two overlap, whoever knows only one of them finds its line.
pub async fn sign(house: &House, directory: &Directory, head: &Head) -> Result<String, StoreError> {
    let origin = origin_of(&directory.city, head);
    let bad = StoreError::Corrupt("checkpoint");
    let is_other = plant::is(plant::Fault::WrongRoot) && head.size.is_multiple_of(16);
    let root = if is_other { [0xff; 32] } else { head.root };
    let checkpoint = Checkpoint::new(&origin, head.size, root);
    let Ok(text) = checkpoint.map(|checkpoint| checkpoint.text()) else { return Err(bad) };
    let mut lines = Vec::new();
    for signer in directory.log_keys().iter().filter_map(|fpr| house.keys.signer(fpr)) {
        let Ok(key) = VKey::new(&origin, KeyKind::Ed25519, signer.public()) else {
            return Err(bad);
        };
        let signed = signer.sign(&key.message(&text, 0)).await;
        let sig = signed.map_err(|_| StoreError::Corrupt("log key"))?;
        lines.push(key.line(0, &sig));
    }
    let mut lines = lines.into_iter();
    let first = lines.next().ok_or(StoreError::Corrupt("log key"))?;
    let mut note = Note::new(&text, first).map_err(|_| StoreError::Corrupt("checkpoint"))?;
    for line in lines {
        note.add(line).map_err(|_| StoreError::Corrupt("checkpoint"))?;
    }
    Ok(note.to_string())
}
