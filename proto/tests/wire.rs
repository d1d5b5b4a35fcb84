//! The generated code in `src/wire` is what the `.proto` files say: regenerate and compare.
//! `JIELI_BLESS=1 cargo test -p jieli-proto --test wire` writes it anew.

use prost_types::FileDescriptorSet;
use std::path::{Path, PathBuf};

const FILES: [&str; 6] = ["envelope", "log", "case", "agreement", "exchange", "desk"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn descriptors() -> FileDescriptorSet {
    let paths = FILES.map(|name| root().join(format!("jieli/v1/{name}.proto")));
    protox::compile(paths, [root()]).expect("the .proto files compile")
}

fn generate(into: &Path) {
    tonic_prost_build::configure()
        .server_mod_attribute(".", "#[cfg(feature = \"grpc\")]")
        .client_mod_attribute(".", "#[cfg(feature = \"grpc\")]")
        .out_dir(into)
        .compile_fds(descriptors())
        .expect("the descriptors generate");
}

#[test]
fn generated_code_is_current() {
    let scratch = tempfile::tempdir().unwrap();
    generate(scratch.path());
    let fresh = std::fs::read_to_string(scratch.path().join("jieli.v1.rs")).unwrap();
    let kept = root().join("src/wire/jieli.v1.rs");
    if std::env::var_os("JIELI_BLESS").is_some() {
        std::fs::write(&kept, &fresh).unwrap();
    }
    let stored = std::fs::read_to_string(&kept).unwrap_or_default();
    assert!(
        stored == fresh,
        "src/wire is stale: JIELI_BLESS=1 cargo test -p jieli-proto --test wire"
    );
}
