use super::*;

#[tokio::test]
async fn memory_is_waited_for_in_order_and_comes_back() {
    let account = Account::new(100, Duration::from_secs(60));
    let first = account.take(80).await.unwrap();
    assert_eq!(account.taken_bytes(), 80);
    let (large, small) = (account.take(90), account.take(20));
    let in_order = async {
        let (mut large, mut small) = (Box::pin(large), Box::pin(small));
        // The small one would fit, and must not push in.
        assert!(futures::poll!(&mut large).is_pending() && futures::poll!(&mut small).is_pending());
        drop(first);
        let large = large.await.unwrap();
        assert!(futures::poll!(&mut small).is_pending());
        drop(large);
        small.await.unwrap()
    };
    assert_eq!((in_order.await.permit.num_permits(), account.taken_bytes()), (20, 20));
}

#[tokio::test]
async fn patience_ends() {
    let account = Account::new(100, Duration::from_millis(20));
    let _held = account.take(60).await.unwrap();
    assert_eq!(account.take(50).await.unwrap_err(), NoMemory::Now);
    assert_eq!(account.take(101).await.unwrap_err(), NoMemory::Ever);
}

#[tokio::test]
async fn more_is_taken_at_once_or_not_at_all() {
    let account = Account::new(100, Duration::from_secs(60));
    let mut held = account.take(60).await.unwrap();
    let other = account.take(10).await.unwrap();
    assert_eq!(held.grow_to(50), Ok(()));
    assert_eq!(held.grow_to(91), Err(NoMemory::Now));
    assert_eq!(held.grow_to(101), Err(NoMemory::Ever));
    assert_eq!(held.grow_to(usize::MAX), Err(NoMemory::Ever));
    assert_eq!((held.grow_to(90), account.taken_bytes()), (Ok(()), 100));
    drop(held);
    assert_eq!(account.taken_bytes(), 10);
    drop(other);
    assert_eq!(account.taken_bytes(), 0);
}

#[tokio::test]
async fn what_is_too_much_is_given_back() {
    let account = Account::new(100, Duration::from_secs(60));
    let mut held = account.take(60).await.unwrap();
    let mut other = account.take(30).await.unwrap();
    assert_eq!((held.set(70), held.bytes(), account.taken_bytes()), (Ok(()), 70, 100));
    assert_eq!((held.set(71), held.bytes()), (Err(NoMemory::Now), 70));
    assert_eq!((held.set(20), held.bytes(), account.taken_bytes()), (Ok(()), 20, 50));
    assert_eq!((other.set(0), account.taken_bytes()), (Ok(()), 20));
    let part = held.split_off(15).unwrap();
    assert_eq!((held.bytes(), part.bytes()), (5, 15));
    assert!(held.split_off(6).is_err());
    other.join(part);
    drop(held);
    assert_eq!((other.bytes(), account.taken_bytes()), (15, 15));
}
