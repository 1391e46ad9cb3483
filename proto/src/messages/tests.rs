use super::{Counted, Messages};
use bytes::Bytes;
use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
use tonic::Code;

fn frames(messages: &[(bool, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (compressed, payload) in messages {
        bytes.push(u8::from(*compressed));
        bytes.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(payload);
    }
    bytes
}

/// `bytes` cut at `cuts`.
fn split(bytes: &[u8], cuts: &[prop::sample::Index]) -> Vec<Bytes> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([0, bytes.len()]).collect();
    at.sort_unstable();
    at.windows(2).map(|ends| Bytes::copy_from_slice(&bytes[ends[0]..ends[1]])).collect()
}

proptest! {
    #[test]
    fn messages_are_put_together_however_they_are_split(
        messages in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..20)), 0..10),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
    ) {
        let (mut joined, mut counted) = (Messages::new(20), Counted::new(20));
        let (mut got, mut begun) = (Vec::new(), 0);
        for data in split(&frames(&messages), &cuts) {
            begun += counted.pass(&data).unwrap().messages;
            joined.push(data);
            while let Some(message) = joined.next_message().unwrap() {
                got.push((message.compressed, message.payload.to_vec()));
            }
        }
        prop_assert!(joined.is_empty());
        prop_assert_eq!(begun, messages.len() as u64);
        prop_assert_eq!(got, messages);
    }
}

#[test]
fn lengths_and_flags_are_checked_before_anything_comes() {
    for (prefix, code) in [([0, 0xff, 0xff, 0xff, 0xff], Code::ResourceExhausted), ([2, 0, 0, 0, 0], Code::Internal)] {
        for size in [1, 5] {
            let mut messages = Messages::new(100);
            let mut failure = None;
            for part in prefix.chunks(size) {
                messages.push(Bytes::copy_from_slice(part));
                failure = failure.or(messages.next_message().err());
            }
            assert_eq!(failure.unwrap().code(), code);
            let mut counted = Counted::new(100);
            let failure = prefix.chunks(size).find_map(|part| counted.pass(part).err());
            assert_eq!(failure.unwrap().code(), code);
        }
    }
}

#[test]
fn a_message_in_one_piece_is_not_copied() {
    let data = Bytes::from(frames(&[(false, vec![1; 9])]));
    let mut messages = Messages::new(100);
    messages.push(data.clone());
    let message = messages.next_message().unwrap().unwrap();
    assert_eq!(message.payload.as_ptr(), data[5..].as_ptr());
}
