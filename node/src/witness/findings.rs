//! Proofs of misbehaviour: kept as the files that they are, told to the other peers, shown to the
//! operators. A file is checked before it is kept, whoever wrote it.

use crate::batch::Batch;
use crate::store::{Conn, StoreError, recovery};
use jieli_proto::id::{CityId, Digest};
use jieli_proto::misbehaviour::{Misbehaviour, Parts, What};
use jieli_proto::recovery::epoch_of;

/// Findings told to peers; the newest.
const TOLD_MAX: u32 = 16;

/// A proof as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its id, by which it is known once.
    pub id: [u8; 16],
    /// The city that it is about.
    pub city: CityId,
    /// The file.
    pub file: Vec<u8>,
}

/// The newest findings, as they were kept: a row that was changed since is told to nobody.
pub(crate) async fn newest_findings(conn: &mut Conn) -> Result<Vec<Finding>, StoreError> {
    let sql = "SELECT evidence_id, peer, bytes FROM evidence WHERE kind = 'misbehaviour' \
               ORDER BY found_ms DESC, evidence_id LIMIT $1";
    let rows = conn.rows(sql, vec![TOLD_MAX.into()]).await?;
    let mut found = Vec::new();
    for row in &rows {
        let (id, file): ([u8; 16], _) = (row.array(0)?, row.bytes(2)?);
        let city = CityId::parse(&row.text(1)?).filter(|_| id == id_of(&file));
        match city {
            Some(city) => found.push(Finding { id, city, file }),
            None => tracing::error!(id = hex::encode(id), "a row of evidence is damaged"),
        }
    }
    Ok(found)
}

/// The id of a file.
fn id_of(file: &[u8]) -> [u8; 16] {
    let digest = Digest::of(&[file]);
    let mut id = [0; 16];
    id.copy_from_slice(&digest.0[..16]);
    id
}

/// Whether a finding is about heads beyond the end of an epoch that the city's root has stated: they
/// were signed, but count for nothing. A city that lost its history may have signed such.
pub(crate) async fn ended(conn: &mut Conn, city: &CityId, what: &What) -> Result<bool, StoreError> {
    let (origin, size) = match what {
        What::SplitView { origin, size } => (origin, *size),
        What::Fork { origin, new_size, .. } => (origin, *new_size),
        What::TwoForOnePlace { .. } => return Ok(false),
    };
    let Some(epoch) = epoch_of(city, origin) else { return Ok(false) };
    recovery::ended_below(conn, city, epoch, size).await
}

impl Batch<'_> {
    /// A contradiction in what a peer has signed becomes a finding; `false` if it is none.
    pub(crate) async fn keep_finding(
        &mut self,
        city: &CityId,
        parts: Parts,
    ) -> Result<bool, StoreError> {
        let Some(peer) = self.directory.peers.get(city) else { return Ok(false) };
        let manifests = peer.manifests.values().map(|manifest| manifest.envelope.clone());
        let found = Misbehaviour { root: peer.root, manifests: manifests.collect(), parts };
        self.keep_file(&found.to_bytes()).await
    }

    /// A finding that a peer tells of.
    pub(crate) async fn hear_finding(
        &mut self,
        from: &CityId,
        file: &[u8],
    ) -> Result<(), StoreError> {
        if !self.keep_file(file).await? {
            let detail = "what it told as a proof of misbehaviour proves nothing here";
            self.alarm("bad-finding", from, detail).await?;
        }
        Ok(())
    }

    /// Keeps a file that proves something against a peer. Whether it does.
    async fn keep_file(&mut self, file: &[u8]) -> Result<bool, StoreError> {
        let roots = self.directory.peers.values().map(|peer| Digest(peer.root.fingerprint()));
        let roots: Vec<Digest> = roots.collect();
        let proved = Misbehaviour::parse(file).and_then(|found| {
            let (city, what) = found.verify(&roots)?;
            Ok((found.root, city, what))
        });
        let Ok((root, city, what)) = proved else { return Ok(false) };
        if self.directory.peers.get(&city).is_none_or(|peer| peer.root != root) {
            return Ok(false);
        }
        if ended(self.conn, &city, &what).await? {
            return Ok(true);
        }
        let id = id_of(file);
        let sql = "INSERT INTO evidence (evidence_id, found_ms, kind, peer, agreement_id, lane, \
                   lane_seq, bytes) VALUES ($1,$2,'misbehaviour',$3,$4,$5,$6,$7) \
                   ON CONFLICT (evidence_id) DO NOTHING";
        let (agreement, lane, lane_seq) = match &what {
            What::TwoForOnePlace { agreement, lane, lane_seq } => {
                (hex::decode(agreement).unwrap_or_default(), *lane, *lane_seq)
            }
            What::SplitView { .. } | What::Fork { .. } => (vec![0; 16], 0, 0),
        };
        let vals = vec![
            id.into(),
            self.now_ms.into(),
            city.as_str().into(),
            agreement.into(),
            lane.into(),
            lane_seq.into(),
            file.into(),
        ];
        if self.conn.run(sql, vals).await? > 0 {
            let (zh, en) = what.say(&city);
            self.alarm(what.word(), &city, &format!("{zh}。 {en}.")).await?;
            self.findings.push(Finding { id, city, file: file.to_vec() });
        }
        Ok(true)
    }
}
