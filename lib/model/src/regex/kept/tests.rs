use super::*;
use std::convert::Infallible;

/// Asks for `pattern`, compiled to something of `size_bytes`; whether that took compiling.
fn compiles(kept: &Kept<usize>, pattern: &str, size_bytes: usize) -> bool {
    let mut compiled = false;
    let compile = || -> Result<usize, Infallible> {
        compiled = true;
        Ok(size_bytes)
    };
    assert_eq!(kept.get(pattern.as_bytes(), compile, |size_bytes| *size_bytes), Ok(size_bytes));
    compiled
}

#[test]
fn what_was_wanted_not_long_ago_is_kept() {
    let kept = Kept::new();
    assert!(compiles(&kept, "a", 1) && compiles(&kept, "b", 2));
    for number in 2..MOST {
        assert!(compiles(&kept, &number.to_string(), number));
    }
    assert!(!compiles(&kept, "a", 1));
    // One too many: the one goes that nobody has wanted since.
    assert!(compiles(&kept, "z", 3) && !compiles(&kept, "a", 1) && compiles(&kept, "b", 2));
    assert_eq!(kept.0.lock().len(), MOST);
}

#[test]
fn what_is_large_is_not_kept() {
    let kept = Kept::new();
    for (pattern, size_bytes) in [("a", MOST_COMPILED_BYTES + 1), (&*"x".repeat(MOST_WRITTEN_BYTES + 1), 1)] {
        assert!(compiles(&kept, pattern, size_bytes) && compiles(&kept, pattern, size_bytes));
    }
    assert!(compiles(&kept, "a", MOST_COMPILED_BYTES) && !compiles(&kept, "a", MOST_COMPILED_BYTES));
}

#[test]
fn a_fault_is_not_kept() {
    let kept = Kept::<usize>::new();
    assert_eq!(kept.get(b"(", || Err("torn"), |_| 0), Err("torn"));
    assert!(compiles(&kept, "(", 1));
}
