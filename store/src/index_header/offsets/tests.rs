use super::super::IndexHeader;
use super::super::build::tests::{HEADER, built, index, index_from};
use super::path_of;
use std::path::Path;

/// Everything that can be looked up.
fn all(header: &IndexHeader) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = (0..).map_while(|number| Some(header.symbol(number)?.to_vec())).collect();
    for name in header.label_names() {
        let values: Vec<_> = header.table().rows(name, b"").map(|row| row.value).collect();
        for value in values {
            let row = header.table().row(name, value).unwrap();
            assert_eq!((row.name, row.value), (name, value));
            all.push([name, b"=", value, format!(" {:?}", header.list_range(&row).unwrap()).as_bytes()].concat());
        }
    }
    all
}

fn header_path() -> &'static Path {
    Path::new(HEADER)
}

#[tokio::test]
async fn offsets_are_made_once_and_again_when_they_do_not_fit() {
    let index = index(70);
    let fs = built(&index).await;
    let fresh = all(&IndexHeader::open(&fs, header_path()).unwrap());
    let (steps, side) = (fs.steps(), fs.read(&path_of(header_path())).unwrap());
    assert_eq!(all(&IndexHeader::open(&fs, header_path()).unwrap()), fresh);
    assert_eq!(fs.steps(), steps, "the file is there");

    for size in 0..side.len() {
        fs.plant(&path_of(header_path()), &side[..size]).unwrap();
        assert_eq!(all(&IndexHeader::open(&fs, header_path()).unwrap()), fresh, "cut to {size}");
        assert!(fs.read(&path_of(header_path())).unwrap() == side, "made again, cut to {size}");
    }
    for bit in 0..side.len() * 8 {
        let mut bytes = side.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs.plant(&path_of(header_path()), &bytes).unwrap();
        assert_eq!(all(&IndexHeader::open(&fs, header_path()).unwrap()), fresh, "bit {bit}");
        assert!(fs.read(&path_of(header_path())).unwrap() == side, "made again, bit {bit}");
    }
}

#[tokio::test]
async fn offsets_of_another_header_are_not_believed() {
    // Of the same shape, but for values that are longer.
    let (mine, other) = (built(&index(70)).await, built(&index_from(1000, 70)).await);
    let want = all(&IndexHeader::open(&mine, header_path()).unwrap());
    IndexHeader::open(&other, header_path()).unwrap();
    mine.plant(&path_of(header_path()), &other.read(&path_of(header_path())).unwrap()).unwrap();
    assert_eq!(all(&IndexHeader::open(&mine, header_path()).unwrap()), want);
}

#[tokio::test]
async fn a_full_disk_leaves_the_header_without_offsets() {
    let index = index(70);
    let fs = built(&index).await;
    let header_bytes = fs.read(header_path()).unwrap().len() as u64;
    let with = all(&IndexHeader::open(&fs, header_path()).unwrap());

    let full = built(&index).await;
    full.set_capacity_bytes(Some(header_bytes + 100));
    assert_eq!(all(&IndexHeader::open(&full, header_path()).unwrap()), with);
    assert!(full.read(&path_of(header_path())).is_err());
    full.set_capacity_bytes(None);
    assert_eq!(all(&IndexHeader::open(&full, header_path()).unwrap()), with);
    assert!(full.read(&path_of(header_path())).is_ok(), "made once there is room");
}
