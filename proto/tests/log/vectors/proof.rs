use super::Cases;
use crate::keys::{Key, cosigner_b, cosigner_c, log_a, log_a_next, note};
use crate::tree::leaves;
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::policy::{Checked, Policy};
use jieli_proto::proof::{Proof, ProofError};
use jieli_proto::tree::{Hash, audit_path, root};
use serde_json::json;

const T: u64 = 1_700_000_000;

fn proof(index: usize, size: u64, by: &[&Key]) -> String {
    let leaves = leaves(size);
    let text = Checkpoint::new("jieli.city-a/log/1", size, root(&leaves)).unwrap().text();
    let note = note(&text, by.iter().map(|key| key.sign(&text, T)).collect());
    let hashes = audit_path(&leaves, index).unwrap();
    Proof { extra: Vec::new(), index: index as u64, hashes, note }.to_string()
}

fn check(proof: &str, policy: &str, leaf_hash: &Hash) -> Result<Checked, ProofError> {
    let policy = Policy::parse(policy)?;
    Proof::parse(proof.as_bytes())?.verify(leaf_hash, &policy)
}

#[test]
fn proof_json() {
    let mut cases = Cases::new(
        "C2SP tlog-proofs with the C2SP tlog-policy they are checked against. Leaf i is the eight bytes \
         of i, big-endian; leaf_hash is hex. Accepted if the policy accepts the checkpoint and the leaf \
         is at the index; signed_by and cosigned_by are key names.",
    );
    let (a, next, b, c) = (&log_a(), &log_a_next(), &cosigner_b(), &cosigner_c());
    let policy = |threshold| {
        let logs = vec![a.vkey.clone(), next.vkey.clone()];
        let cosigners = vec![b.vkey.clone(), c.vkey.clone()];
        Policy::new(logs, cosigners, threshold).unwrap().to_string()
    };
    let (none, one, both) = (policy(0), policy(1), policy(2));
    let mut add = |name: &str, is_valid, proof: String, policy: &str, leaf: u64| {
        let leaf_hash = leaves(leaf + 1)[leaf as usize];
        let outcome = check(&proof, policy, &leaf_hash);
        let parsed = Policy::parse(policy).ok();
        let names = outcome.as_ref().ok().zip(parsed.as_ref()).map(|(checked, policy)| {
            let logs = checked.logs.iter().map(|log| policy.logs()[*log].to_string());
            let cosigned = checked.cosigned.iter().map(|(witness, unix_s)| {
                json!({ "name": policy.witnesses()[*witness].name, "unix_s": unix_s })
            });
            (logs.collect::<Vec<_>>(), cosigned.collect::<Vec<_>>())
        });
        let (signed_by, cosigned_by) = names.unzip();
        let inputs = json!({
            "policy": policy, "proof": proof, "leaf_hash": hex::encode(leaf_hash),
            "signed_by": signed_by, "cosigned_by": cosigned_by,
        });
        cases.add(name, is_valid, inputs, outcome);
    };
    let good = proof(3, 20, &[a, b]);
    let hash = good.lines().nth(2).unwrap();
    add("cosigned once", true, good.clone(), &one, 3);
    add("cosigned twice", true, proof(19, 20, &[a, b, c]), &both, 19);
    add("no quorum asked", true, proof(0, 20, &[a]), &none, 0);
    add("both log keys of a rotation", true, proof(0, 20, &[a, next]), &none, 0);
    add("the only leaf", true, proof(0, 1, &[a, c]), &one, 0);
    add("unauthenticated extra data", true, good.replace("index", "extra AAEC\nindex"), &one, 3);
    add("no cosignature", false, proof(3, 20, &[a]), &one, 3);
    add("one cosignature too few", false, good.clone(), &both, 3);
    add("log signature missing", false, proof(3, 20, &[b]), &one, 3);
    add("another leaf", false, good.clone(), &one, 4);
    add("another index", false, good.replace("index 3", "index 2"), &one, 3);
    add("index is the size", false, good.replace("index 3", "index 20"), &one, 3);
    add("index with a leading zero", false, good.replace("index 3", "index 03"), &one, 3);
    add("another version", false, good.replace("@v1", "@v2"), &one, 3);
    add("CR LF", false, good.replace('\n', "\r\n"), &one, 3);
    add("path truncated", false, good.replace(&format!("{hash}\n"), ""), &one, 3);
    add("path extended", false, good.replace(hash, &format!("{hash}\n{hash}")), &one, 3);
    add("64 hashes", false, good.replace(hash, &[hash; 64].join("\n")), &one, 3);
    add("hash without padding", false, good.replace(hash, hash.trim_end_matches('=')), &one, 3);
    add("size not the signed one", false, good.replace("\n20\n", "\n19\n"), &one, 3);
    add("extra blank line", false, good.replacen("\n\n", "\n\n\n", 1), &one, 3);
    add("blank line at the end", false, format!("{good}\n"), &one, 3);
    add("empty extra data", false, good.replace("index", "extra \nindex"), &one, 3);
    let twice = one.replacen("log ", &format!("log {}\nlog ", a.vkey), 1);
    add("policy with one log key twice", false, good.clone(), &twice, 3);
    let wrong_kind = format!("log {}\nquorum none\n", b.vkey);
    add("policy with a cosigner as log", false, good.clone(), &wrong_kind, 3);
    add("policy without quorum", false, good, &format!("log {}\n", a.vkey), 3);
    cases.check("proof.json");
}
