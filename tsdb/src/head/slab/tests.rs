use super::{CLASSES, MAX_PAGED, PAGE_BYTES, SIZES, Slab, Slot, USES, Use, class_of};
use proptest::prelude::*;

#[test]
fn classes_are_about_a_quarter_apart() {
    for pair in SIZES.windows(2) {
        if let [small, large] = *pair
            && small >= 32
            && large <= 1024
        {
            assert!(large - small <= small / 4, "{small} to {large}");
        }
    }
    assert!(SIZES.iter().all(|size| size % 8 == 0));
    for size_bytes in 0..=MAX_PAGED {
        let class = class_of(size_bytes);
        assert!(usize::from(SIZES[class]) >= size_bytes);
        assert!(class == 0 || usize::from(SIZES[class - 1]) < size_bytes);
    }
}

#[test]
fn pages_go_from_class_to_class() {
    let mut slab = Slab::default();
    let mut slots = vec![slab.allocate(Use::Chunk, 16); 1];
    slots.extend((1..10_000).map(|_| slab.allocate(Use::Chunk, 16)));
    let mut size_bytes = 16;
    for new_bytes in (24..=512).step_by(8) {
        for slot in &mut slots {
            *slot = slab.grow(Use::Chunk, *slot, size_bytes, new_bytes);
        }
        size_bytes = new_bytes;
    }
    let held = slab.pages.len() as usize * PAGE_BYTES;
    // All grew to 512 together; without the way back to the pool the pages of 22 classes would be held.
    assert!(held < 10_000 * (512 + 448) + CLASSES * USES * PAGE_BYTES, "{held} bytes");
}

/// What is done to a slab: grow or drop the holding with that index, or add one.
#[derive(Debug, Clone)]
enum Step {
    Add(bool, usize),
    Grow(usize, usize),
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![4 => 0_usize..200, 1 => 0_usize..9000];
    prop_oneof![
        3 => (any::<bool>(), size.clone()).prop_map(|(list, size)| Step::Add(list, size)),
        3 => (any::<usize>(), size).prop_map(|(at, size)| Step::Grow(at, size)),
        2 => any::<usize>().prop_map(Step::Drop),
    ]
}

struct Holding {
    purpose: Use,
    slot: Slot,
    bytes: Vec<u8>,
}

fn run(steps: Vec<Step>) {
    let mut slab = Slab::default();
    let mut held: Vec<Holding> = Vec::new();
    for (tag, step) in steps.into_iter().enumerate() {
        let fill = |size| (0..size).map(|at| (at + tag) as u8).collect::<Vec<u8>>();
        match step {
            Step::Add(list, size) => {
                let purpose = if list { Use::List } else { Use::Chunk };
                let (slot, bytes) = (slab.allocate(purpose, size), fill(size));
                slab.bytes_mut(slot, size).copy_from_slice(&bytes);
                held.push(Holding { purpose, slot, bytes });
            }
            Step::Grow(at, size) if !held.is_empty() => {
                let at = at % held.len();
                let Holding { purpose, slot, bytes } = &mut held[at];
                let size = size.max(bytes.len());
                *slot = slab.grow(*purpose, *slot, bytes.len(), size);
                assert_eq!(slab.bytes(*slot, size)[..bytes.len()], bytes[..], "growth keeps the bytes");
                *bytes = fill(size);
                slab.bytes_mut(*slot, size).copy_from_slice(bytes);
            }
            Step::Drop(at) if !held.is_empty() => {
                let Holding { slot, bytes, .. } = held.swap_remove(at % held.len());
                slab.free(slot, bytes.len());
            }
            Step::Grow(..) | Step::Drop(_) => {}
        }
    }
    for Holding { slot, bytes, .. } in &held {
        assert_eq!(slab.bytes(*slot, bytes.len()), bytes);
    }
    for Holding { slot, bytes, .. } in held {
        slab.free(slot, bytes.len());
    }
    assert!((0..slab.pages.len()).all(|page| slab.pages[page].used == 0));
}

proptest! {
    #[test]
    fn slots_hold_what_was_put_in(steps in proptest::collection::vec(step(), 1..400)) {
        run(steps);
    }
}
