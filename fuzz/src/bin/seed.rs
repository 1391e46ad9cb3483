//! Writes the seeds to `corpus/<target>/`, as `seed-<number>`. What else lies there stays: findings of a fuzzer, made small.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut written_bytes = 0;
    for (target, seeds) in fuzz::seeds::all() {
        let dir = corpus.join(target);
        std::fs::create_dir_all(&dir)?;
        for (number, seed) in seeds.iter().enumerate() {
            std::fs::write(dir.join(format!("seed-{number}")), seed)?;
            written_bytes += seed.len();
        }
    }
    println!("{written_bytes} bytes below {}", corpus.display());
    Ok(())
}
