//! Cosignatures and the heads that they stand on: each verifies under the key that its name says.

use super::{Audit, MISSING, ROWS_AT_ONCE, UNSIGNED};
use crate::store::{Row, StoreError};
use crate::witness::{self, cosigner_city};
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::note::{KeyKind, Note, SignatureLine, VKey};
use jieli_proto::tree::Hash;
use jieli_proto::wire::Role;

/// Cosignatures with the root of their head, from wherever that is kept; $4 where it is nowhere.
const WITH_ROOTS: &str = "SELECT c.origin, c.size, c.cosigner, c.unix_s, c.line, \
    COALESCE(o.root, p.root, g.root, $4) FROM cosignature c \
    LEFT JOIN own_head o ON o.origin = c.origin AND o.size = c.size \
    LEFT JOIN peer_head p ON p.origin = c.origin AND p.size = c.size \
    LEFT JOIN cosigned g ON g.origin = c.origin AND g.size = c.size \
    WHERE c.origin > $1 OR (c.origin = $1 AND (c.size > $2 OR (c.size = $2 AND c.cosigner > $3))) \
    ORDER BY c.origin, c.size, c.cosigner LIMIT $5";

const OWN_HEADS: &str = "SELECT origin, size, root, note FROM own_head \
    WHERE origin > $1 OR (origin = $1 AND size > $2) ORDER BY origin, size LIMIT $3";

impl Audit<'_> {
    pub(super) async fn cosigned(&mut self) -> Result<(), StoreError> {
        // Own heads that somebody cosigned, as this city signed them.
        self.signed_heads("own_head", OWN_HEADS, |audit, origin, note| {
            audit.own_signed(origin, note)
        })
        .await?;
        self.cosignatures().await?;
        self.given().await
    }

    /// Signed heads of a table: each row says what its note says. `sql` takes the last origin, the
    /// last size, and how many.
    pub(super) async fn signed_heads(
        &mut self,
        table: &'static str,
        sql: &'static str,
        open: fn(&Audit<'_>, &str, &str) -> Option<Checkpoint>,
    ) -> Result<(), StoreError> {
        self.at(table);
        let mut after = (String::new(), 0);
        loop {
            let vals = vec![after.0.as_str().into(), after.1.into(), ROWS_AT_ONCE.into()];
            let rows = self.rows(sql, vals).await?;
            for row in &rows {
                after = (row.text(0)?, row.uint(1)?);
                let key = format!("{}/{}", after.0, after.1);
                match open(self, &after.0, &row.text(3)?) {
                    None => self.found(key, "note (or origin)", UNSIGNED),
                    Some(head) => {
                        self.expect(head.size() == after.1, &key, "size");
                        self.expect(row.bytes(2)? == head.root()[..], &key, "root");
                    }
                }
            }
            if (rows.len() as u32) < ROWS_AT_ONCE {
                return Ok(());
            }
        }
    }

    /// Reads a head that a log key of any own manifest signed.
    fn own_signed(&self, origin: &str, note: &str) -> Option<Checkpoint> {
        let note = Note::parse(note.as_bytes()).ok()?;
        let head = Checkpoint::parse(note.text()).ok().filter(|head| head.origin() == origin)?;
        let manifests = self.published.directory.own.values();
        let keys = manifests.flat_map(|manifest| manifest.keys_of(Role::Log));
        let named = keys.map(|key| VKey::new(origin, KeyKind::Ed25519, key.public));
        let mut named = named.filter_map(Result::ok);
        named.any(|key| note.verify(&[key]).is_ok_and(|found| !found.is_empty())).then_some(head)
    }

    async fn cosignatures(&mut self) -> Result<(), StoreError> {
        self.at("cosignature");
        let mut after = (String::new(), 0, String::new());
        loop {
            let vals = vec![
                after.0.as_str().into(),
                after.1.into(),
                after.2.as_str().into(),
                Vec::<u8>::new().into(),
                ROWS_AT_ONCE.into(),
            ];
            let rows = self.rows(WITH_ROOTS, vals).await?;
            for row in &rows {
                after = (row.text(0)?, row.uint(1)?, row.text(2)?);
                let key = format!("{}/{} {}", after.0, after.1, after.2);
                let Ok(root) = row.array(5) else {
                    self.found(key, "origin, size", MISSING);
                    continue;
                };
                match self.cosigned_at(row, &root, &row.text(4)?)? {
                    None => self.found(key, "line (or cosigner)", UNSIGNED),
                    Some((by, unix_s)) => {
                        self.expect(by == after.2, &key, "cosigner");
                        self.expect(row.uint(3).is_ok_and(|at| at == unix_s), &key, "unix_s");
                    }
                }
            }
            if (rows.len() as u32) < ROWS_AT_ONCE {
                return Ok(());
            }
        }
    }

    /// What this city itself has cosigned.
    async fn given(&mut self) -> Result<(), StoreError> {
        self.at("cosigned");
        let sql = "SELECT origin, size, root, line FROM cosigned \
                   WHERE origin > $1 OR (origin = $1 AND size > $2) ORDER BY origin, size LIMIT $3";
        let mut after = (String::new(), 0);
        loop {
            let vals = vec![after.0.as_str().into(), after.1.into(), ROWS_AT_ONCE.into()];
            let rows = self.rows(sql, vals).await?;
            for row in &rows {
                after = (row.text(0)?, row.uint(1)?);
                let line = row.text(3)?;
                // Known from the high-water file alone.
                if line.is_empty() {
                    continue;
                }
                let root = row.array(2).unwrap_or_default();
                if self.cosigned_at(row, &root, &line)?.is_none() {
                    self.found(format!("{}/{}", after.0, after.1), "root (or line)", UNSIGNED);
                }
            }
            if (rows.len() as u32) < ROWS_AT_ONCE {
                return Ok(());
            }
        }
    }

    /// Who cosigned the head of a row with this line, and when; whether the key still counts does
    /// not matter here.
    fn cosigned_at(
        &self,
        row: &Row,
        root: &Hash,
        line: &str,
    ) -> Result<Option<(String, u64)>, StoreError> {
        let Ok(head) = Checkpoint::new(&row.text(0)?, row.uint(1)?, *root) else { return Ok(None) };
        let Ok(line) = SignatureLine::parse(line) else { return Ok(None) };
        let directory = &self.published.directory;
        let city = cosigner_city(line.name());
        let found = city.and_then(|city| {
            let manifests = witness::manifests_of(directory, &city)?;
            let keys = witness::cosigner_keys(&city, manifests);
            let mut named = keys.into_iter();
            named.find(|key| key.name() == line.name() && key.key_id() == line.key_id())
        });
        let at = found.and_then(|key| key.verify(&head.text(), line.signature()).ok().flatten());
        Ok(at.map(|unix_s| (line.name().to_owned(), unix_s)))
    }
}
