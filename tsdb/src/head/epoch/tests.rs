use super::Epochs;
use std::sync::Arc;

#[test]
fn an_epoch_is_over_when_its_readers_are_gone() {
    let epochs = Arc::new(Epochs::default());
    assert_eq!(epochs.oldest(), 0);
    let first = epochs.pin(100);
    let ended = epochs.advance();
    let second = epochs.pin(0);
    assert_eq!((ended, epochs.now()), (0, 1));
    assert_eq!(epochs.oldest(), 0, "the first reader is still in epoch 0");
    drop(first);
    assert_eq!(epochs.oldest(), 1);
    assert_eq!(epochs.advance(), 1);
    assert_eq!(epochs.oldest(), 1);
    drop(second);
    assert_eq!(epochs.oldest(), 2);
}

#[test]
fn only_readers_that_look_that_far_back_are_in_the_way() {
    let epochs = Arc::new(Epochs::default());
    let reader = epochs.pin(1000);
    let ended = epochs.advance();
    let _later = epochs.pin(0);
    assert!(epochs.is_read(ended, 1001));
    assert!(!epochs.is_read(ended, 1000), "it looks at 1000 and later");
    drop(reader);
    assert!(!epochs.is_read(ended, 1001), "the later one knows of the truncation");
}
