//! Personal data at rest: AES-256-GCM, a key per leg and slot; the keys lie wrapped in the key ring.

use crate::batch::Batch;
use crate::house::House;
use crate::keyring::KeyId;
use crate::keys::{self, PURPOSE_SECTION, Secret};
use crate::legs::LegFile;
use crate::store::{Conn, StoreError, Val};
use jieli_proto::id::{LegId, MsgId};
use jieli_proto::section::{self, Value};
use jieli_proto::wire;
use prost::Message as _;

/// Slot of the draft: what was entered, before anything is sent.
pub const DRAFT: u8 = 0;
/// Slot of how to reach the person.
pub const CONTACT: u8 = 255;

/// Slot of how to reach the person, for the office that examines a local leg: what RELEASE or REQUEST
/// brought to it.
pub const ARRIVED: u8 = 252;

/// Slot of a fact that the person is asked about: the statement, not signed yet.
pub const STATED: u8 = 250;

/// Slot of a statement that was signed, with what is printed of the person.
pub const STATEMENT: u8 = 249;

/// Columns of `section_data`, as its rows are made here.
pub(crate) const DATA_COLUMNS: &[&str] =
    &["leg_id", "slot", "msg_id", "key_id", "nonce", "ciphertext"];

/// What a ciphertext is bound to.
#[derive(Clone, Debug)]
pub struct Place {
    /// The leg.
    pub leg: LegId,
    /// Section number, [`DRAFT`] or [`CONTACT`].
    pub slot: u8,
    /// The message a section belongs to, zero bytes for the other slots.
    pub msg: MsgId,
}

impl Place {
    /// A slot that belongs to no message.
    pub fn of_leg(leg: LegId, slot: u8) -> Place {
        Place { leg, slot, msg: MsgId([0; 16]) }
    }

    /// How to reach the person, as the leg's view may know it.
    pub fn of_contact(file: &LegFile) -> Place {
        Place::of_leg(file.id, if file.is_far() { ARRIVED } else { CONTACT })
    }

    /// AAD: city, agreement, case, message, section, purpose.
    fn aad(&self, city: &str, file: &LegFile) -> Vec<u8> {
        let agreement = file.bond.map_or([0; 16], |id| id.0);
        let purpose = jieli_proto::agreement::purpose_of(file.service);
        let slot = self.slot.to_be_bytes();
        let purpose = (purpose as i32).to_be_bytes();
        let parts: [&[u8]; 6] =
            [&agreement, &file.case.0, &file.id.0, &self.msg.0, &slot, &purpose];
        [city.as_bytes(), b"\0", &parts.concat()].concat()
    }
}

impl Batch<'_> {
    /// Encrypts and stores bytes at a place, replacing what was there.
    pub async fn hide(
        &mut self,
        file: &LegFile,
        place: &Place,
        plain: &[u8],
    ) -> Result<(), StoreError> {
        let (id, key) = match self.key_in_use(place).await? {
            Some(held) => held,
            None => self.new_key(place)?,
        };
        let row = self.sealed(file, place, (id, &key), plain)?;
        self.conn
            .run(
                "INSERT INTO section_data (leg_id, slot, msg_id, key_id, nonce, ciphertext) \
             VALUES ($1,$2,$3,$4,$5,$6) ON CONFLICT (leg_id, slot, msg_id) DO UPDATE SET \
             key_id = excluded.key_id, nonce = excluded.nonce, ciphertext = excluded.ciphertext",
                row,
            )
            .await?;
        Ok(())
    }

    /// Encrypts bytes at a place where nothing is yet: a row to be inserted as [`DATA_COLUMNS`].
    pub(crate) fn hidden_anew(
        &mut self,
        file: &LegFile,
        place: &Place,
        plain: &[u8],
    ) -> Result<Vec<Val>, StoreError> {
        let (id, key) = self.new_key(place)?;
        self.sealed(file, place, (id, &key), plain)
    }

    /// A key of a slot that has none; the writer puts it into the ring before it commits.
    fn new_key(&mut self, place: &Place) -> Result<(KeyId, Secret<32>), StoreError> {
        let entropy = self.house.world.entropy.as_ref();
        let made = self.ring.make(&self.house.keys, entropy, place.leg, place.slot);
        made.map_err(|_| StoreError::Corrupt("section key"))
    }

    /// A row of `section_data`.
    fn sealed(
        &mut self,
        file: &LegFile,
        place: &Place,
        (id, key): (KeyId, &Secret<32>),
        plain: &[u8],
    ) -> Result<Vec<Val>, StoreError> {
        let nonce: [u8; 12] = self.random();
        let aad = place.aad(self.directory.city.as_str(), file);
        let sealed = keys::seal_section(key, nonce, &aad, plain)
            .map_err(|_| StoreError::Corrupt("section key"))?;
        Ok(vec![
            place.leg.to_vec().into(),
            place.slot.into(),
            place.msg.to_vec().into(),
            id.as_slice().into(),
            nonce.to_vec().into(),
            sealed.into(),
        ])
    }

    /// Reads back what [`Batch::hide`] stored; `None` if it was never there or is erased.
    pub async fn reveal(
        &mut self,
        file: &LegFile,
        place: &Place,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if !is_for(file, place) {
            return Ok(None);
        }
        let Some(found) = Sealed::load(self.conn, place).await? else { return Ok(None) };
        let Some(wrapped) = self.wrapped(&found.key).await? else { return Ok(None) };
        found.open(self.house, file, place, &wrapped).map(Some)
    }

    /// The key under which other values of the slot lie: one key a leg and slot.
    async fn key_in_use(
        &mut self,
        place: &Place,
    ) -> Result<Option<(KeyId, Secret<32>)>, StoreError> {
        let id = match self.ring.made_for(place.leg, place.slot) {
            Some(id) => id,
            None => {
                let sql = "SELECT key_id FROM section_data WHERE leg_id = $1 AND slot = $2 LIMIT 1";
                let vals = vec![place.leg.to_vec().into(), place.slot.into()];
                match self.conn.maybe(sql, vals).await? {
                    Some(row) => row.array(0)?,
                    None => return Ok(None),
                }
            }
        };
        let Some(wrapped) = self.wrapped(&id).await? else { return Ok(None) };
        let key = self.house.keys.unwrap_key(PURPOSE_SECTION, place.leg, place.slot, &wrapped);
        Ok(Some((id, key.map_err(|_| StoreError::Corrupt("section key"))?)))
    }

    async fn wrapped(&mut self, id: &KeyId) -> Result<Option<Vec<u8>>, StoreError> {
        match self.ring.wrapped(id) {
            Some(wrapped) => Ok(Some(wrapped.to_vec())),
            None => self.house.ring.wrapped(id).await,
        }
    }
}

/// One vault holds what both offices of a local leg have: what was entered at the one is not there
/// for the other.
fn is_for(file: &LegFile, place: &Place) -> bool {
    !(file.is_far() && matches!(place.slot, DRAFT | CONTACT))
}

/// A value as it lies in the database.
struct Sealed {
    key: KeyId,
    nonce: [u8; 12],
    bytes: Vec<u8>,
}

impl Sealed {
    async fn load(conn: &mut Conn, place: &Place) -> Result<Option<Sealed>, StoreError> {
        let sql = "SELECT key_id, nonce, ciphertext FROM section_data \
                   WHERE leg_id = $1 AND slot = $2 AND msg_id = $3";
        let vals = vec![place.leg.to_vec().into(), place.slot.into(), place.msg.to_vec().into()];
        let row = conn.maybe(sql, vals).await?;
        row.map(|row| Ok(Sealed { key: row.array(0)?, nonce: row.array(1)?, bytes: row.bytes(2)? }))
            .transpose()
    }

    fn open(
        &self,
        house: &House,
        file: &LegFile,
        place: &Place,
        wrapped: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let corrupt = |_| StoreError::Corrupt("section_data");
        let key = house.keys.unwrap_key(PURPOSE_SECTION, place.leg, place.slot, wrapped);
        let aad = place.aad(house.config.city.id.as_str(), file);
        let key = key.map_err(corrupt)?;
        let plain = keys::open_section(&key, self.nonce, &aad, &self.bytes).map_err(corrupt)?;
        Ok(plain.to_vec())
    }
}

/// Reads a place through any connection.
pub async fn reveal(
    conn: &mut Conn,
    house: &House,
    file: &LegFile,
    place: &Place,
) -> Result<Option<Vec<u8>>, StoreError> {
    if !is_for(file, place) {
        return Ok(None);
    }
    let Some(found) = Sealed::load(conn, place).await? else { return Ok(None) };
    let Some(wrapped) = house.ring.wrapped(&found.key).await? else { return Ok(None) };
    found.open(house, file, place, &wrapped).map(Some)
}

/// Reads a stored section of a message.
pub async fn stored_section(
    conn: &mut Conn,
    house: &House,
    file: &LegFile,
    msg: MsgId,
    number: u8,
) -> Result<Option<wire::Section>, StoreError> {
    let place = Place { leg: file.id, slot: number, msg };
    let Some(bytes) = reveal(conn, house, file, &place).await? else { return Ok(None) };
    wire::Section::decode(bytes.as_slice())
        .map(Some)
        .map_err(|_| StoreError::Corrupt("section_data"))
}

/// The person that a person section names, from its stored bytes.
pub fn person_of(values: &[(u32, Value)]) -> wire::DraftPerson {
    let text = |field: u32| match values.iter().find(|(number, _)| *number == field) {
        Some((_, Value::Text(text))) => text.clone(),
        Some((_, Value::Number(_) | Value::Flag(_))) | None => String::new(),
    };
    let code = |field: u32| match values.iter().find(|(number, _)| *number == field) {
        Some((_, Value::Number(number))) => *number as u32,
        Some((_, Value::Text(_) | Value::Flag(_))) | None => 0,
    };
    wire::DraftPerson {
        name: text(1),
        document: code(2),
        number: text(3),
        phone: text(4),
        age_band: code(6),
        language: text(9),
        guardian_name: text(7),
        guardian_phone: text(8),
    }
}

/// The values of a section as it is kept.
pub(crate) fn values_of(bytes: &[u8], msg: &MsgId) -> Option<Vec<(u32, Value)>> {
    let section = wire::Section::decode(bytes).ok()?;
    let digest = section::digest_of(msg, &section).ok()?;
    section::open(msg, &section, &digest).ok()
}
