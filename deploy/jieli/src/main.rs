//! temporary
use std::path::Path;
use std::sync::Arc;
fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    tracing_subscriber::fmt().with_env_filter("info").with_ansi(false).with_writer(std::io::stderr).init();
    let args: Vec<String> = std::env::args().filter(|a| a != "--").collect();
    let rt = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if args[1] == "demo-city" {
        let clock = Arc::new(jieli::demo::clock::FileClock::open(Path::new(&args[5])));
        return rt.block_on(jieli::serve::serve(Path::new(&args[3]), clock));
    }
    let keep = args.iter().position(|a| a == "--dir").map(|i| Path::new(&args[i + 1]));
    rt.block_on(jieli::demo::once(args.iter().any(|a| a == "--json"), keep))
}
