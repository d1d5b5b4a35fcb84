//! How a stranger becomes a peer: by its public file and the fingerprint on paper, or by an
//! invitation and six groups of digits heard on the telephone. Both end in one `admit`.

use crate::batch::Batch;
use crate::config::{are_end_points, is_city_name};
use crate::directory::Peer;
use crate::store::StoreError;
use crate::trouble::{Denied, Outcome, Trouble};
use jieli_proto::id::{CityId, Digest};
use jieli_proto::invite::{INVITE_MS_MAX, InviteError, Invited, Misheard, check_heard, spoken};
use jieli_proto::manifest::Manifest;
use jieli_proto::pubkey::PublicKey;
use jieli_proto::wire;

/// The longest an invitation may stand, in days.
const DAYS_MAX: u32 = 14;

/// A row of the table of invitations.
struct Known {
    is_own: bool,
    not_after_ms: u64,
    is_used: bool,
}

impl Batch<'_> {
    /// Adds an accepted peer: manifest and fingerprint came on different ways.
    pub(crate) async fn add_peer(&mut self, request: wire::AddPeerRequest) -> Outcome<wire::Peer> {
        if !request.accepted_city.is_empty() {
            let sealed = request.manifest.unwrap_or_default();
            return self.manifest_by_hand(&request.accepted_city, &sealed).await;
        }
        let root = PublicKey::from_spki(&request.root_spki)
            .map_err(|_| bad("root_spki", "根密钥格式不对", "the root key has a wrong form"))?;
        let printed = request.root_fpr.replace([' ', ':'], "").to_lowercase();
        if hex::encode(root.fingerprint()) != printed {
            return Err(bad(
                "root_fpr",
                "指纹与纸质协议不符，请电话核对",
                "the fingerprint is not the one given: check it by telephone",
            ));
        }
        let sealed = request.manifest.unwrap_or_default();
        let manifest = Manifest::open(&sealed, &root, None)
            .map_err(|error| bad("manifest", "密钥清单验证失败", &error.to_string()))?;
        self.may_accept(&manifest, &request.name, &request.end_points)?;
        self.admit(&manifest, &request.name, &request.end_points).await
    }

    /// The next manifest of a known city, carried by people: the way back for who went back to a
    /// copy from before that city's present TLS key, and reaches it by no other way.
    async fn manifest_by_hand(
        &mut self,
        city: &str,
        sealed: &wire::Envelope,
    ) -> Outcome<wire::Peer> {
        let unknown = || Denied::no_such(&format!("伙伴城市 {city}"), &format!("peer {city}"));
        let peer = self.directory.peer_named(city.trim()).ok_or_else(unknown)?.clone();
        let manifest = Manifest::open(sealed, &peer.root, None)
            .map_err(|error| bad("manifest", "密钥清单验证失败", &error.to_string()))?;
        if manifest.city != peer.city {
            return Err(bad("manifest", "这是另一城市的密钥清单", "of another city"));
        }
        self.may_accept(&manifest, &peer.name, &peer.end_points)?;
        self.admit(&manifest, &peer.name, &peer.end_points).await
    }

    /// Makes an invitation and remembers its nonce.
    pub(crate) async fn invite(
        &mut self,
        request: wire::InvitePeerRequest,
    ) -> Outcome<wire::InvitePeerReply> {
        let days = if request.days == 0 { DAYS_MAX } else { request.days };
        if days > DAYS_MAX {
            return Err(Denied::new(
                "BAD_DAYS",
                format!("邀请最多有效 {DAYS_MAX} 天。"),
                format!("An invitation stands for {DAYS_MAX} days at most."),
            )
            .into());
        }
        let given = request.end_points;
        let end_points =
            if given.is_empty() { self.house.config.end_points.clone() } else { given };
        check_end_points(&end_points)?;
        let nonce: [u8; 16] = self.random();
        let not_after = self.now_ms + u64::from(days) * (INVITE_MS_MAX / u64::from(DAYS_MAX));
        let invite = self.own_invite(nonce, end_points, not_after).await?;
        self.keep_nonce(&nonce, true, not_after).await?;
        self.record("invitation made", &nonce);
        let spoken = self.own_spoken();
        Ok(wire::InvitePeerReply { invite: Some(invite), spoken, not_after })
    }

    /// Looks at an invitation, or at the answer to one of ours; with the groups heard on the
    /// telephone its city becomes a peer. Whatever is wrong changes nothing.
    pub(crate) async fn accept_invite(
        &mut self,
        request: wire::AcceptInviteRequest,
    ) -> Outcome<wire::AcceptInviteReply> {
        let sealed = request.invite.unwrap_or_default();
        let invited = Invited::open(&sealed).map_err(refused)?;
        let known = self.known_nonce(&invited.nonce).await?;
        if known.as_ref().is_some_and(|known| known.is_used) {
            return Err(Denied::new(
                "INVITE_USED",
                "这份邀请已经用过一次，请对方另发一份。",
                "This invitation was used before: ask the other city for a new one.",
            )
            .into());
        }
        let is_answer = known.as_ref().is_some_and(|known| known.is_own);
        let over = known.is_some_and(|known| self.now_ms > known.not_after_ms);
        if over {
            return Err(refused(InviteError::Over));
        }
        invited.stands_at(self.now_ms).map_err(refused)?;
        let given = request.end_points;
        let end_points = if given.is_empty() { invited.end_points.clone() } else { given };
        self.may_accept(&invited.manifest, &invited.name, &end_points)?;
        let root_fpr = invited.root_fpr();
        let own_spoken = self.own_spoken();
        let not_after = invited.not_after_unix_ms;
        if request.groups.trim().is_empty() {
            // Neither groups nor fingerprint of the file: what can be read off a screen is typed
            // off it, and nobody telephones.
            let peer = wire::Peer {
                spoken: String::new(),
                root_fpr: String::new(),
                ..shown(&invited.manifest, &invited.name, &end_points)
            };
            let (accepted, answer) = (false, None);
            let peer = Some(peer);
            return Ok(wire::AcceptInviteReply {
                peer,
                accepted,
                is_answer,
                answer,
                own_spoken,
                not_after,
            });
        }
        check_heard(&root_fpr, &request.groups).map_err(misheard)?;
        let peer = self.admit(&invited.manifest, &invited.name, &end_points).await?;
        if !is_answer {
            self.keep_nonce(&invited.nonce, false, not_after).await?;
        }
        self.use_nonce(&invited.nonce, &invited.manifest.city).await?;
        let answer = if is_answer {
            None
        } else {
            let own = self.house.config.end_points.clone();
            Some(self.own_invite(invited.nonce, own, not_after).await?)
        };
        let peer = Some(peer);
        Ok(wire::AcceptInviteReply {
            peer,
            accepted: true,
            is_answer,
            answer,
            own_spoken,
            not_after,
        })
    }

    /// Our own keys and end points, signed with the message key that our manifest names.
    async fn own_invite(
        &mut self,
        nonce: [u8; 16],
        end_points: Vec<String>,
        not_after: u64,
    ) -> Result<wire::Envelope, StoreError> {
        let own = self.directory.manifest().map(|manifest| manifest.envelope.clone());
        let invite = wire::Invite {
            city_id: self.directory.city.as_str().to_owned(),
            name: self.house.config.city.name.clone(),
            end_points,
            root_spki: self.house.root.to_spki().to_vec(),
            manifest: own,
            nonce: nonce.to_vec(),
            not_after,
        };
        self.seal(&invite).await
    }

    fn own_spoken(&self) -> String {
        spoken(&Digest(self.house.root.fingerprint())).join(" ")
    }

    /// Whether a city whose root key is right may become a peer.
    fn may_accept(&self, manifest: &Manifest, name: &str, end_points: &[String]) -> Outcome<()> {
        if manifest.city == self.directory.city {
            return Err(bad("city", "这是本城市自己", "this is the own city"));
        }
        if self.pins_of_another(manifest) {
            return Err(bad("manifest", "连接密钥属于另一城市", "a TLS key of another city"));
        }
        if !is_city_name(name) {
            return Err(bad("name", "城市名称应为 1 至 64 字", "a name has 1 to 64 characters"));
        }
        check_end_points(end_points)?;
        let known = self.directory.peers.get(&manifest.city);
        if known.is_some_and(|peer| peer.root != manifest.root) {
            return Err(bad("city", "该城市已登记了另一把根密钥", "known with another root key"));
        }
        Ok(())
    }

    /// Stores a city that was checked. One that is known already may be reached elsewhere now, be
    /// called otherwise, and have the next manifest of its chain.
    async fn admit(
        &mut self,
        manifest: &Manifest,
        name: &str,
        end_points: &[String],
    ) -> Outcome<wire::Peer> {
        let city = manifest.city.as_str();
        let ends = end_points.join("\n");
        if let Some(peer) = self.directory.peers.get(&manifest.city).cloned() {
            self.next_of_peer(&peer, manifest).await?;
            let sql = "UPDATE peer SET name = $2, end_points = $3 WHERE city_id = $1";
            self.conn.run(sql, vec![city.into(), name.into(), ends.into()]).await?;
            self.record("peer changed", city.as_bytes());
        } else {
            let sql = "INSERT INTO peer (city_id, name, root_spki, end_points, added_ms) \
                       VALUES ($1,$2,$3,$4,$5)";
            let root = manifest.root.to_spki().to_vec();
            let vals = vec![city.into(), name.into(), root.into(), ends.into(), self.now_ms.into()];
            self.conn.run(sql, vals).await?;
            self.keep_manifest(manifest).await?;
            self.record("peer added", city.as_bytes());
        }
        self.reload().await?;
        Ok(shown(manifest, name, end_points))
    }

    /// Takes in the manifest of a known city where it follows the one held: of the same chain, and
    /// every key that it no longer lists is revoked. One that is held already changes nothing.
    async fn next_of_peer(&mut self, peer: &Peer, manifest: &Manifest) -> Outcome<()> {
        if peer.manifests.values().any(|held| held.env_digest == manifest.env_digest) {
            return Ok(());
        }
        let held = peer.newest();
        let next = Manifest::open(&manifest.envelope, &peer.root, held).map_err(|error| {
            let next = held.map_or(1, |held| held.version + 1);
            let zh = format!("与已有的清单不衔接，应为第 {next} 版，请对方提供");
            bad("manifest", &zh, &format!("{error}; version {next} is the next: ask for it"))
        })?;
        self.keep_manifest(&next).await?;
        self.tell_revoked(held, &next).await?;
        self.record("peer manifest taken in by hand", &next.env_digest.0);
        Ok(())
    }

    async fn known_nonce(&mut self, nonce: &[u8; 16]) -> Result<Option<Known>, StoreError> {
        let sql = "SELECT own, not_after_ms, used_ms FROM invite WHERE nonce = $1";
        let row = self.conn.maybe(sql, vec![(*nonce).into()]).await?;
        let known = |row: &crate::store::Row| {
            let (is_own, is_used) = (row.int(0)? == 1, row.int(2)? > 0);
            Ok(Known { is_own, not_after_ms: row.uint(1)?, is_used })
        };
        row.as_ref().map(known).transpose()
    }

    async fn keep_nonce(
        &mut self,
        nonce: &[u8; 16],
        is_own: bool,
        not_after: u64,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO invite (nonce, own, made_ms, not_after_ms, used_ms, city_id) \
                   VALUES ($1,$2,$3,$4,0,'')";
        let own = i64::from(is_own);
        let vals = vec![(*nonce).into(), own.into(), self.now_ms.into(), not_after.into()];
        self.conn.run(sql, vals).await.map(drop)
    }

    async fn use_nonce(&mut self, nonce: &[u8; 16], by: &CityId) -> Result<(), StoreError> {
        let sql = "UPDATE invite SET used_ms = $2, city_id = $3 WHERE nonce = $1";
        let vals = vec![(*nonce).into(), self.now_ms.into(), by.as_str().into()];
        self.conn.run(sql, vals).await.map(drop)
    }
}

fn shown(manifest: &Manifest, name: &str, end_points: &[String]) -> wire::Peer {
    let root = Digest(manifest.root.fingerprint());
    wire::Peer {
        city_id: manifest.city.as_str().to_owned(),
        name: name.to_owned(),
        root_fpr: root.hex(),
        manifest_version: manifest.version,
        end_points: end_points.to_vec(),
        spoken: spoken(&root).join(" "),
        ..wire::Peer::default()
    }
}

fn check_end_points(end_points: &[String]) -> Outcome<()> {
    if are_end_points(end_points) {
        return Ok(());
    }
    let en = "at most eight different host:port are needed";
    Err(bad("end_points", "地址应为至多八个不同的 主机:端口", en))
}

fn refused(why: InviteError) -> Trouble {
    let (code, zh) = match &why {
        InviteError::Seal(_) | InviteError::Form(_) => {
            ("BAD_INVITE", "邀请文件有误或被改动，请对方重新发送。")
        }
        InviteError::Manifest(_) | InviteError::OtherCity => {
            ("BAD_INVITE", "邀请文件里的密钥清单不对，请对方重新发送，并电话核对。")
        }
        InviteError::Over => ("INVITE_OVER", "邀请已过期，请对方另发一份。"),
        InviteError::TooLong => {
            ("BAD_INVITE", "邀请的有效期超过 14 天，请两市核对时钟后另发一份。")
        }
    };
    Denied::new(code, zh, format!("{why}.")).into()
}

fn misheard(why: Misheard) -> Trouble {
    let denied = match why {
        Misheard::Form(found) => Denied::new(
            "BAD_GROUPS",
            format!("请键入电话里听到的六组数字，每组五位；现在有 {found} 组。"),
            format!("Type the six groups of five digits as heard; {found} were found."),
        ),
        Misheard::Groups(wrong) => {
            let list: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            Denied::new(
                "WRONG_GROUPS",
                format!(
                    "第 {} 组与邀请文件不符，没有接受。请再听一遍；仍不符时，文件不是对方发出的。",
                    list.join("、")
                ),
                format!(
                    "Group {} differs from the invitation: nothing was accepted. Have it read \
                     again; if it still differs, the file is not from them.",
                    list.join(", ")
                ),
            )
        }
    };
    denied.into()
}

fn bad(field: &str, zh: &str, en: &str) -> Trouble {
    Denied::new("BAD_FIELD", format!("{field}：{zh}。"), format!("{field}: {en}.")).into()
}
