//! What looks for damage, over damage.

use crate::meter;
use crate::parts::Parts;
use crate::seeds;
use model::{Labels, TimeRange};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use testkit::SimFs;
use tsdb::block::Block;
use tsdb::fs::Fs;
use tsdb::verify::{Findings, directory};
use tsdb::{Chunk, ChunkSeriesBatch, SeriesSource, SourceError};

type Files = Vec<(PathBuf, Vec<u8>)>;

/// A data directory of a block, a log and head chunks, and where the block is.
static SOUND: LazyLock<(Files, PathBuf)> = LazyLock::new(|| {
    let (fs, block) = seeds::a_directory();
    let mut files = Files::new();
    collect(&fs, Path::new("/data"), &mut files);
    (files, block)
});

fn collect(fs: &SimFs, dir: &Path, files: &mut Files) {
    for entry in fs.read_dir(dir).expect("it is there") {
        match entry.is_dir {
            true => collect(fs, &entry.path, files),
            false => files.push((entry.path.clone(), fs.read(&entry.path).expect("it is a file"))),
        }
    }
}

fn planted<'a>(files: impl Iterator<Item = (&'a Path, &'a [u8])>) -> SimFs {
    let fs = SimFs::new();
    for (path, content) in files {
        fs.create_dir_all(path.parent().expect("it is in a directory")).expect("the disk is sound");
        fs.plant(path, content).expect("the directory is there");
    }
    fs
}

fn series(fs: &SimFs, block: &Path) -> Result<Vec<(Labels, Vec<Chunk>)>, SourceError> {
    let (block, mut batch, mut all) = (Block::open(fs, block)?, ChunkSeriesBatch::default(), Vec::new());
    let mut cursor = block.select(&[], TimeRange::ALL)?;
    loop {
        cursor.next_batch(8, false, &mut batch)?;
        if batch.is_empty() {
            return Ok(all);
        }
        all.extend(batch.iter().map(|(labels, chunks)| (labels.to_owned(), chunks.to_vec())));
    }
}

/// A sound data directory, and damage to it: looking at it never fails, finds the same again, and a block of which nothing is
/// said to be wrong holds what it held.
pub fn fuzz_verify(data: &[u8]) {
    let (sound, block) = &*SOUND;
    let mut files: Vec<(&Path, Vec<u8>)> = sound.iter().map(|(path, content)| (&**path, content.clone())).collect();
    let (mut parts, mut touched) = (Parts::of(data), false);
    while !parts.is_empty() {
        let (which, how, at, bits) = (parts.u8(), parts.u8(), usize::from(parts.u16()), parts.u8());
        let number = usize::from(which) % files.len();
        let file = &mut files[number].1;
        let at = at % file.len().max(1);
        touched = true;
        match how % 4 {
            0 => file.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= bits),
            1 => file.truncate(at),
            2 => file.iter_mut().skip(at).take(usize::from(bits) * 4 + 1).for_each(|byte| *byte = 0),
            _ => drop(file.splice(at..at, std::iter::repeat_n(bits, 1 + usize::from(bits)))),
        }
    }
    let fs = planted(files.iter().map(|(path, content)| (*path, &**content)));
    let look = || {
        let mut findings = Findings::new(20);
        directory(&fs, Path::new("/data"), &mut findings).expect("it is a data directory");
        findings
    };
    let size: usize = files.iter().map(|(_, content)| content.len()).sum();
    let findings = meter::within(size, 64, 1 << 20, look);
    assert!(findings.faults().len() <= 20 && findings.faults().len() as u64 <= findings.faults_total());
    let again = look();
    assert_eq!((again.faults(), again.notes()), (findings.faults(), findings.notes()));
    let of_block = |path: &Path| path.starts_with(block);
    if !touched {
        assert!(findings.is_sound(), "{:?}", findings.faults());
    }
    if findings.files().filter(|file| of_block(&file.path)).all(|file| file.faults == 0)
        && !findings.faults().iter().any(|fault| of_block(&fault.file))
        && findings.faults_total() <= 20
    {
        let whole = planted(sound.iter().map(|(path, content)| (&**path, &**content)));
        let [held, should] = [&fs, &whole].map(|fs| series(fs, block));
        assert!(held.expect("nothing is wrong with it") == should.expect("it is sound"), "other samples, and no fault");
    }
}
