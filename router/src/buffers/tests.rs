use super::*;
use service::Account;
use std::time::Duration;

async fn reserved() -> Reserved {
    Account::new(u32::MAX, Duration::ZERO).take(0).await.unwrap()
}

#[tokio::test]
async fn content_is_what_was_put_in_last() {
    let pool = Arc::new(BufferPool::default());
    let mut buffer = pool.buffer(reserved().await);
    buffer.push(b"abc");
    buffer.push(b"");
    buffer.push(b"defg");
    assert_eq!(buffer.as_ref(), b"abcdefg");
    drop(buffer);
    let mut buffer = pool.buffer(reserved().await);
    assert_eq!((buffer.as_ref(), buffer.room()), (&b""[..], 7));
    buffer.push(b"xy");
    assert_eq!(buffer.as_ref(), b"xy");
    buffer.set_len(9).copy_from_slice(b"123456789");
    assert_eq!(buffer.as_ref(), b"123456789");
}

#[tokio::test]
async fn a_few_small_buffers_are_kept() {
    let pool = Arc::new(BufferPool::default());
    let mut large = pool.buffer(reserved().await);
    large.set_len(KEPT_BYTES + 1);
    drop(large);
    assert_eq!(pool.idle.lock().len(), 0);
    let mut buffers = Vec::new();
    for _ in 0..KEPT_BUFFERS + 3 {
        let mut buffer = pool.buffer(reserved().await);
        buffer.set_len(KEPT_BYTES);
        buffers.push(buffer);
    }
    drop(buffers);
    assert_eq!(pool.idle.lock().len(), KEPT_BUFFERS);
}

#[tokio::test]
async fn what_is_held_beside_the_content_counts() {
    let account = Account::new(100, Duration::ZERO);
    let pool = Arc::new(BufferPool::default());
    let mut reserved = account.take(60).await.unwrap();
    let mut buffer = pool.buffer(reserved.split_off(50).unwrap());
    buffer.set_len(50);
    buffer.keep_beside(reserved);
    assert_eq!(account.taken_bytes(), 60);
    drop(buffer);
    assert_eq!(account.taken_bytes(), 0);
}
