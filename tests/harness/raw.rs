//! Protobuf fields as bytes, to write what no honest encoder writes.

/// The fields of an encoded message in their order: number, and tag with value as they stand.
/// Panics on what is no protobuf.
pub fn top_fields(bytes: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut fields = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let tag = varint(bytes, &mut at);
        match tag & 7 {
            0 => {
                varint(bytes, &mut at);
            }
            2 => {
                let len = varint(bytes, &mut at);
                at += len as usize;
            }
            other => panic!("wire type {other}"),
        }
        fields.push(((tag >> 3) as u32, bytes[start..at].to_vec()));
    }
    fields
}

fn varint(bytes: &[u8], at: &mut usize) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = bytes[*at];
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}
