//! Personal data at rest: AES-256-GCM, a key per leg and slot, keys wrapped and kept apart.

use crate::batch::Batch;
use crate::keys::{self, KeyRing, PURPOSE_SECTION, Secret};
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

/// Columns of `section_key`, as its rows are made here.
pub(crate) const KEY_COLUMNS: &[&str] = &["leg_id", "slot", "wrapped"];
/// Columns of `section_data`, as its rows are made here.
pub(crate) const DATA_COLUMNS: &[&str] = &["leg_id", "slot", "msg_id", "nonce", "ciphertext"];

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
        let key = match load_key(self.conn, place).await? {
            Some(wrapped) => self.unwrap(place, &wrapped)?,
            None => {
                let (key, row) = self.new_key(place)?;
                self.conn.insert_many("section_key", KEY_COLUMNS, vec![row]).await?;
                key
            }
        };
        let row = self.sealed(file, place, &key, plain)?;
        self.conn
            .run(
                "INSERT INTO section_data (leg_id, slot, msg_id, nonce, ciphertext) \
             VALUES ($1,$2,$3,$4,$5) ON CONFLICT (leg_id, slot, msg_id) DO UPDATE SET \
             nonce = excluded.nonce, ciphertext = excluded.ciphertext",
                row,
            )
            .await?;
        Ok(())
    }

    /// Encrypts bytes at a place where nothing is yet: the rows of key and ciphertext, to be
    /// inserted as [`KEY_COLUMNS`] and [`DATA_COLUMNS`].
    pub(crate) fn hidden_anew(
        &mut self,
        file: &LegFile,
        place: &Place,
        plain: &[u8],
    ) -> Result<(Vec<Val>, Vec<Val>), StoreError> {
        let (key, row) = self.new_key(place)?;
        Ok((row, self.sealed(file, place, &key, plain)?))
    }

    /// A row of `section_data`.
    fn sealed(
        &mut self,
        file: &LegFile,
        place: &Place,
        key: &Secret<32>,
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
        let city = self.directory.city.as_str().to_owned();
        reveal(self.conn, &self.house.keys, &city, file, place).await
    }

    /// Destroys keys, ciphertexts and index entries of a leg: its sections, its draft, and with
    /// `contact` also how to reach the person. A tombstone goes into the local log.
    pub async fn erase(&mut self, leg: LegId, contact: bool) -> Result<(), StoreError> {
        self.stop_pending(leg).await?;
        if contact {
            self.hand_on_notices(leg).await?;
        }
        let top = if contact { CONTACT } else { CONTACT - 1 };
        for table in ["section_key", "section_data"] {
            let sql = format!("DELETE FROM {table} WHERE leg_id = $1 AND slot <= $2");
            self.conn.run(sqlx::AssertSqlSafe(sql), vec![leg.to_vec().into(), top.into()]).await?;
        }
        for table in ["blind_index", "held_outcome", "phone_index"] {
            let sql = format!("DELETE FROM {table} WHERE leg_id = $1");
            self.conn.run(sqlx::AssertSqlSafe(sql), vec![leg.to_vec().into()]).await?;
        }
        self.record("erased", &leg.0);
        Ok(())
    }

    /// Destroys all that was disclosed in a leg, and keeps what was entered here and how to reach
    /// the person, for the days in which the person may say "not me".
    pub async fn erase_disclosed(&mut self, leg: LegId) -> Result<(), StoreError> {
        self.stop_pending(leg).await?;
        for table in ["section_key", "section_data"] {
            let sql = format!("DELETE FROM {table} WHERE leg_id = $1 AND slot > $2 AND slot < $3");
            let vals = vec![leg.to_vec().into(), DRAFT.into(), CONTACT.into()];
            self.conn.run(sqlx::AssertSqlSafe(sql), vals).await?;
        }
        for table in ["blind_index", "held_outcome"] {
            let sql = format!("DELETE FROM {table} WHERE leg_id = $1");
            self.conn.run(sqlx::AssertSqlSafe(sql), vec![leg.to_vec().into()]).await?;
        }
        self.record("erased", &leg.0);
        Ok(())
    }

    /// Destroys what a leg says and how to reach the person, but not that this person was asked:
    /// a second import must look the same as after silence.
    pub async fn erase_content(&mut self, leg: LegId) -> Result<(), StoreError> {
        self.hand_on_notices(leg).await?;
        for table in ["section_key", "section_data", "phone_index"] {
            let sql = format!("DELETE FROM {table} WHERE leg_id = $1");
            self.conn.run(sqlx::AssertSqlSafe(sql), vec![leg.to_vec().into()]).await?;
        }
        self.record("erased", &leg.0);
        Ok(())
    }

    fn unwrap(&self, place: &Place, wrapped: &[u8]) -> Result<Secret<32>, StoreError> {
        self.house
            .keys
            .unwrap_key(PURPOSE_SECTION, place.leg, place.slot, wrapped)
            .map_err(|_| StoreError::Corrupt("section key"))
    }

    /// A key, and its row of `section_key`.
    fn new_key(&mut self, place: &Place) -> Result<(Secret<32>, Vec<Val>), StoreError> {
        let entropy = self.house.world.entropy.as_ref();
        let key = Secret::random(entropy);
        let wrapped = self
            .house
            .keys
            .wrap_key(entropy, PURPOSE_SECTION, place.leg, place.slot, &key)
            .map_err(|_| StoreError::Corrupt("section key"))?;
        Ok((key, vec![place.leg.to_vec().into(), place.slot.into(), wrapped.into()]))
    }
}

/// Reads a place through any connection.
pub async fn reveal(
    conn: &mut Conn,
    keys: &KeyRing,
    city: &str,
    file: &LegFile,
    place: &Place,
) -> Result<Option<Vec<u8>>, StoreError> {
    // One vault holds what both offices of a local leg have: what was entered at the one is not there
    // for the other.
    if file.is_far() && matches!(place.slot, DRAFT | CONTACT) {
        return Ok(None);
    }
    let Some(wrapped) = load_key(conn, place).await? else { return Ok(None) };
    let row = conn
        .maybe(
            "SELECT nonce, ciphertext FROM section_data \
         WHERE leg_id = $1 AND slot = $2 AND msg_id = $3",
            vec![place.leg.to_vec().into(), place.slot.into(), place.msg.to_vec().into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let corrupt = |_| StoreError::Corrupt("section_data");
    let key = keys.unwrap_key(PURPOSE_SECTION, place.leg, place.slot, &wrapped).map_err(corrupt)?;
    let aad = place.aad(city, file);
    let (nonce, sealed) = (row.array(0)?, row.bytes(1)?);
    let plain = keys::open_section(&key, nonce, &aad, &sealed).map_err(corrupt)?;
    Ok(Some(plain.to_vec()))
}

/// Reads a stored section of a message.
pub async fn stored_section(
    conn: &mut Conn,
    keys: &KeyRing,
    city: &str,
    file: &LegFile,
    msg: MsgId,
    number: u8,
) -> Result<Option<wire::Section>, StoreError> {
    let place = Place { leg: file.id, slot: number, msg };
    let Some(bytes) = reveal(conn, keys, city, file, &place).await? else { return Ok(None) };
    wire::Section::decode(bytes.as_slice())
        .map(Some)
        .map_err(|_| StoreError::Corrupt("section_data"))
}

async fn load_key(conn: &mut Conn, place: &Place) -> Result<Option<Vec<u8>>, StoreError> {
    let row = conn
        .maybe(
            "SELECT wrapped FROM section_key WHERE leg_id = $1 AND slot = $2",
            vec![place.leg.to_vec().into(), place.slot.into()],
        )
        .await?;
    row.map(|row| row.bytes(0)).transpose()
}

/// The person that a person section names, from its stored bytes.
pub fn person_of(bytes: &[u8], msg: &MsgId) -> Option<wire::DraftPerson> {
    let section = wire::Section::decode(bytes).ok()?;
    let digest = section::digest_of(msg, &section).ok()?;
    let values = section::open(msg, &section, &digest).ok()?;
    let text = |field: u32| match values.iter().find(|(number, _)| *number == field) {
        Some((_, Value::Text(text))) => text.clone(),
        Some((_, Value::Number(_) | Value::Flag(_))) | None => String::new(),
    };
    let code = |field: u32| match values.iter().find(|(number, _)| *number == field) {
        Some((_, Value::Number(number))) => *number as u32,
        Some((_, Value::Text(_) | Value::Flag(_))) | None => 0,
    };
    Some(wire::DraftPerson {
        name: text(1),
        document: code(2),
        number: text(3),
        phone: text(4),
        age_band: code(6),
        language: text(9),
    })
}
