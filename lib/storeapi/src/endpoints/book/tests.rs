use super::*;

const TIMEOUT_MS: i64 = 300_000;

fn book(addresses: &[(&str, bool)]) -> Book {
    let mut book = Book::new(TIMEOUT_MS);
    book.set_addresses(&addresses.iter().map(|(address, strict)| ((*address).to_owned(), *strict)).collect());
    book
}

fn info(address: &str, max_ms: i64) -> Arc<StoreInfo> {
    Arc::new(StoreInfo { time_range: TimeRange::new(0, max_ms), ..unknown(address) })
}

/// Who is asked, with the end of what is expected there.
#[track_caller]
fn check_live(book: &Book, want: &[(&str, i64)]) {
    let live: Vec<_> = book.live().map(|(address, info)| (address, info.time_range.unwrap().max_ms())).collect();
    assert_eq!(live, want);
}

#[test]
fn a_new_endpoint_is_asked_after_its_first_answer() {
    let mut book = book(&[("a:1", false), ("s:1", true)]);
    check_live(&book, &[("s:1", i64::MAX)]);
    assert!(book.failed("a:1", 10, "refused".to_owned()));
    assert!(!book.failed("a:1", 20, "refused".to_owned()), "no news");
    check_live(&book, &[("s:1", i64::MAX)]);
    assert!(book.statuses().is_empty());
    book.answered("a:1", 30, info("a:1", 7));
    book.answered("s:1", 30, info("s:1", 8));
    check_live(&book, &[("a:1", 7), ("s:1", 8)]);
}

#[test]
fn a_known_endpoint_stays_until_it_was_silent_for_long() {
    let mut book = book(&[("a:1", false), ("s:1", true)]);
    for address in ["a:1", "s:1"] {
        book.answered(address, 1000, info(address, 7));
        book.failed(address, 1000 + TIMEOUT_MS - 1, "refused".to_owned());
    }
    check_live(&book, &[("a:1", 7), ("s:1", 7)]);
    let statuses = book.statuses();
    assert_eq!(statuses[0].last_error.as_deref(), Some("refused"));
    assert_eq!(statuses[0].last_check_ms, Some(1000 + TIMEOUT_MS - 1));
    for address in ["a:1", "s:1"] {
        book.failed(address, 1000 + TIMEOUT_MS, "refused".to_owned());
    }
    check_live(&book, &[("s:1", i64::MAX)]);
    book.answered("a:1", 1000 + 2 * TIMEOUT_MS, info("a:1", 9));
    check_live(&book, &[("a:1", 9), ("s:1", i64::MAX)]);
    assert_eq!(book.statuses()[0].last_error, None);
}

#[test]
fn addresses_come_and_go() {
    let mut book = book(&[("a:1", false), ("b:1", false)]);
    book.answered("a:1", 1, info("a:1", 7));
    book.answered("b:1", 1, info("b:1", 7));
    book.set_addresses(&[("b:1".to_owned(), false), ("c:1".to_owned(), false)].into());
    check_live(&book, &[("b:1", 7)]);
    assert_eq!(book.addresses().collect::<Vec<_>>(), ["b:1", "c:1"]);
    // An answer to a question asked before.
    book.answered("a:1", 2, info("a:1", 7));
    assert!(!book.failed("a:1", 2, "late".to_owned()));
    check_live(&book, &[("b:1", 7)]);
}
