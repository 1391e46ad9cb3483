use super::Arena;

#[test]
fn elements_keep_their_numbers_over_many_segments() {
    let mut arena = Arena::default();
    for number in 0..100_000_u32 {
        assert_eq!(arena.push(u64::from(number) * 3), number);
    }
    assert_eq!(arena.len(), 100_000);
    for number in 0..100_000 {
        assert_eq!(arena[number], u64::from(number) * 3);
    }
    arena[77_777] = 1;
    assert_eq!(arena.iter().filter(|&&element| element == 1).count(), 1);
    assert_eq!(arena.iter().count(), 100_000);
}

#[test]
fn it_starts_with_nothing_and_then_4_kib() {
    let mut arena = Arena::<[u8; 64]>::default();
    assert_eq!(arena.capacity_bytes(), 0);
    arena.push([0; 64]);
    assert_eq!(arena.capacity_bytes(), 4096);
}
