use super::{Fault, Loss, SimFs, Step};
use crate::fs_contract;
use std::io::ErrorKind;
use std::path::Path;
use tsdb::fs::{Fs, publish_dir, replace_file};

fn path(name: &str) -> &Path {
    Path::new(name)
}

/// Every file of `fs` with its content, as text.
fn files(fs: &SimFs) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![path("/").to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in fs.read_dir(&dir).unwrap() {
            if entry.is_dir {
                waiting.push(entry.path);
            } else {
                let content = fs.read(&entry.path).unwrap();
                found.push(format!("{}={}", entry.path.display(), String::from_utf8_lossy(&content)));
            }
        }
    }
    found.sort();
    found
}

/// What the three kinds of crash leave of what `work` did, over many seeds, each outcome once.
fn outcomes(work: impl Fn(&SimFs)) -> Vec<Vec<String>> {
    let losses = (0..64).flat_map(|seed| [Loss::Torn(seed), Loss::Reordered(seed)]).chain([Loss::All]);
    let mut outcomes: Vec<_> = losses
        .map(|loss| {
            let fs = SimFs::new();
            work(&fs);
            files(&fs.crash(loss))
        })
        .collect();
    outcomes.sort();
    outcomes.dedup();
    outcomes
}

#[test]
fn behaves_as_a_file_system() {
    fs_contract::check(&SimFs::new(), path("/"));
}

#[test]
fn synced_content_under_a_synced_name_survives_every_crash() {
    let outcomes = outcomes(|fs| {
        let mut file = fs.create_new(path("/f")).unwrap();
        file.append(b"data").unwrap();
        file.sync_data().unwrap();
        fs.sync_dir(path("/")).unwrap();
    });
    assert_eq!(outcomes, [["/f=data"]]);
}

#[test]
fn a_name_that_was_not_synced_may_be_gone() {
    let outcomes = outcomes(|fs| {
        let mut file = fs.create_new(path("/f")).unwrap();
        file.append(b"data").unwrap();
        file.sync_data().unwrap();
    });
    assert_eq!(outcomes, [vec![], vec!["/f=data".to_owned()]]);
}

#[test]
fn content_that_was_not_synced_is_lost_torn_or_scattered() {
    let work = |fs: &SimFs| {
        let mut file = fs.create_new(path("/f")).unwrap();
        fs.sync_dir(path("/")).unwrap();
        file.append(b"safe").unwrap();
        file.sync_data().unwrap();
        file.append(&[b'x'; 2000]).unwrap();
        file.append(b"end").unwrap();
    };
    let content = |loss| {
        let fs = SimFs::new();
        work(&fs);
        fs.crash(loss).read(path("/f")).unwrap()
    };
    assert_eq!(content(Loss::All), b"safe");
    let torn: Vec<_> = (0..64).map(|seed| content(Loss::Torn(seed))).collect();
    assert!(torn.iter().all(|left| left.starts_with(b"safe") && !left.contains(&0)), "a run from the front");
    assert!(torn.iter().any(|left| left.len() > 4 && left.len() < 2000 && left.len() % 512 != 0), "torn at a byte");
    assert!(torn.iter().any(|left| left.len() > 4 && left.len() % 512 == 0), "torn at a sector");
    assert!(torn.iter().any(|left| left.ends_with(b"end")), "nothing lost");
    let scattered: Vec<_> = (0..64).map(|seed| content(Loss::Reordered(seed))).collect();
    assert!(scattered.iter().all(|left| left.starts_with(b"safe")));
    assert!(scattered.iter().any(|left| left.contains(&0) && left.ends_with(b"end")), "a hole before what came later");
}

#[test]
fn removal_and_rename_are_undone_until_the_directory_is_synced() {
    let prepare = |fs: &SimFs| {
        for name in ["/a", "/b"] {
            let mut file = fs.create_new(path(name)).unwrap();
            file.append(name.as_bytes()).unwrap();
            file.sync_data().unwrap();
        }
        fs.sync_dir(path("/")).unwrap();
        fs.remove_file(path("/a")).unwrap();
        fs.rename(path("/b"), path("/c")).unwrap();
    };
    let mut want = vec![vec!["/a=/a", "/b=/b"], vec!["/a=/a", "/c=/b"], vec!["/b=/b"], vec!["/c=/b"]];
    assert_eq!(outcomes(prepare), want);
    want.drain(..3);
    let synced = |fs: &SimFs| {
        prepare(fs);
        fs.sync_dir(path("/")).unwrap();
    };
    assert_eq!(outcomes(synced), want);
}

#[test]
fn a_rename_between_directories_needs_both_synced() {
    let prepare = |fs: &SimFs| {
        fs.create_dir_all(path("/from")).unwrap();
        fs.create_dir_all(path("/to")).unwrap();
        fs.create_new(path("/from/f")).unwrap();
        for dir in ["/", "/from", "/to"] {
            fs.sync_dir(path(dir)).unwrap();
        }
        fs.rename(path("/from/f"), path("/to/f")).unwrap();
    };
    let left = |sync: &str| {
        let fs = SimFs::new();
        prepare(&fs);
        fs.sync_dir(path(sync)).unwrap();
        files(&fs.crash(Loss::All))
    };
    assert_eq!(left("/from"), Vec::<String>::new());
    assert_eq!(left("/to"), ["/from/f=", "/to/f="]);
    assert_eq!(outcomes(prepare), [["/from/f="], ["/to/f="]], "both or neither");
}

#[test]
fn a_cut_is_undone_until_it_is_synced() {
    let prepare = |fs: &SimFs| {
        fs.plant(path("/f"), b"abcdef").unwrap();
        fs.truncate(path("/f"), 2).unwrap();
    };
    assert_eq!(outcomes(prepare), [["/f=ab"], ["/f=abcdef"]]);
    let synced = |fs: &SimFs| {
        prepare(fs);
        fs.sync_file(path("/f")).unwrap();
    };
    assert_eq!(outcomes(synced), [["/f=ab"]]);
}

#[test]
fn a_failed_sync_is_not_mended_by_the_next() {
    let fs = SimFs::new();
    let mut file = fs.create_new(path("/f")).unwrap();
    fs.sync_dir(path("/")).unwrap();
    file.append(b"one").unwrap();
    let (path_part, error) = (String::new(), ErrorKind::Other);
    fs.fail(Fault { step: Step::SyncData, path_part, skip: 0, times: 1, error, written_bytes: 0 });
    file.sync_data().unwrap_err();
    file.append(b"two").unwrap();
    file.sync_data().unwrap();
    assert_eq!(fs.read(path("/f")).unwrap(), b"onetwo", "the process does not notice");
    assert_eq!(fs.crash(Loss::All).read(path("/f")).unwrap(), b"\0\0\0two");
}

#[test]
fn a_full_disk_takes_what_fits() {
    let fs = SimFs::new();
    fs.set_capacity_bytes(Some(5));
    let mut file = fs.create_new(path("/f")).unwrap();
    file.append(b"abc").unwrap();
    assert_eq!(file.append(b"defg").unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(fs.read(path("/f")).unwrap(), b"abcde");
    assert_eq!(fs.free_bytes(path("/")).unwrap(), 0);
    fs.remove_file(path("/f")).unwrap();
    assert_eq!(fs.free_bytes(path("/")).unwrap(), 5);
}

#[test]
fn the_end_comes_after_the_given_step() {
    let fs = SimFs::new();
    fs.stop_after(2);
    let mut file = fs.create_new(path("/f")).unwrap();
    file.append(b"1").unwrap();
    assert!(!fs.is_stopped());
    file.append(b"2").unwrap_err();
    fs.read_dir(path("/")).unwrap_err();
    assert!(fs.is_stopped());
    assert_eq!(fs.steps(), 2);
    assert_eq!(fs.take_journal(), ["Create /f", "Append /f 1"]);
}

#[test]
fn a_crash_stops_what_was_open_and_frees_the_lock() {
    let fs = SimFs::new();
    let _guard = fs.lock(path("/lock")).unwrap();
    let mut file = fs.create_new(path("/f")).unwrap();
    let after = fs.crash(Loss::All);
    file.append(b"late").unwrap_err();
    after.lock(path("/lock")).unwrap();
}

/// Publishes a directory under a crash after every step; returns whether a final name with less than all was seen.
fn publishing_can_be_seen_half_done(lie: impl Fn(&SimFs)) -> bool {
    let mut half_done = false;
    for steps in 0.. {
        let mut stopped = true;
        for loss in (0..32).flat_map(|seed| [Loss::Torn(seed), Loss::Reordered(seed)]).chain([Loss::All]) {
            let fs = SimFs::new();
            lie(&fs);
            fs.stop_after(steps);
            let done = publish(&fs);
            stopped = done.is_err();
            let after = fs.crash(loss);
            let seen = files(&after);
            let complete = seen == ["/b/chunks/1=chunks", "/b/index=index"];
            let published = after.read_dir(path("/b")).is_ok();
            half_done |= (published || done.is_ok()) && !complete;
        }
        if !stopped {
            break;
        }
    }
    half_done
}

fn publish(fs: &SimFs) -> std::io::Result<()> {
    fs.create_dir_all(path("/b.tmp/chunks"))?;
    for (name, content) in [("/b.tmp/chunks/1", "chunks"), ("/b.tmp/index", "index")] {
        fs.create_new(path(name))?.append(content.as_bytes())?;
    }
    publish_dir(fs, path("/b.tmp"), path("/b"))
}

#[test]
fn a_published_directory_is_whole_after_any_crash() {
    assert!(!publishing_can_be_seen_half_done(|_| {}));
}

#[test]
fn without_syncs_a_published_directory_is_seen_half_done() {
    assert!(publishing_can_be_seen_half_done(SimFs::ignore_sync_data));
    assert!(publishing_can_be_seen_half_done(SimFs::ignore_sync_dir));
}

/// Replaces a file under a crash after every step; returns whether another content than the old and the new one was seen,
/// or the old one once it was done.
fn replacing_can_be_seen_half_done(lie: impl Fn(&SimFs)) -> bool {
    let mut half_done = false;
    for steps in 0.. {
        let mut stopped = true;
        for loss in (0..32).flat_map(|seed| [Loss::Torn(seed), Loss::Reordered(seed)]).chain([Loss::All]) {
            let fs = SimFs::new();
            lie(&fs);
            fs.plant(path("/list"), b"old").unwrap();
            fs.stop_after(steps);
            let done = replace_file(&fs, path("/list"), |file| file.append(b"a new one"));
            stopped = done.is_err();
            let seen = fs.crash(loss).read(path("/list")).unwrap_or_default();
            half_done |= seen != b"a new one" && (done.is_ok() || seen != b"old");
        }
        if !stopped {
            break;
        }
    }
    half_done
}

#[test]
fn a_replaced_file_is_the_old_or_the_new_one_after_any_crash() {
    assert!(!replacing_can_be_seen_half_done(|_| {}));
    assert!(replacing_can_be_seen_half_done(SimFs::ignore_sync_data));
    assert!(replacing_can_be_seen_half_done(SimFs::ignore_sync_dir));
}

#[test]
fn torn_names_are_a_run_from_the_front_and_reordered_ones_are_not() {
    let left = |loss| {
        let fs = SimFs::new();
        fs.create_new(path("/a")).unwrap();
        fs.create_new(path("/b")).unwrap();
        files(&fs.crash(loss))
    };
    let lone_b = vec!["/b=".to_owned()];
    assert!((0..64).all(|seed| left(Loss::Torn(seed)) != lone_b));
    assert!((0..64).any(|seed| left(Loss::Reordered(seed)) == lone_b));
}
