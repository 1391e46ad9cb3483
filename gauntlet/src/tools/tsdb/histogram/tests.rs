use super::Spread;

#[track_caller]
fn check(numbers: &[u64], total: usize, want: &str) {
    let mut out = Vec::new();
    let spread = Spread { numbers: numbers.to_vec() };
    spread.print("things", total, &mut out).expect("memory");
    assert_eq!(String::from_utf8_lossy(&out), want);
}

#[test]
fn nothing() {
    check(&[], 0, "things: N/A\n\n");
}

#[test]
fn bars_of_ten() {
    check(
        &[1, 2, 19, 20],
        8,
        "things (min/avg/max): 1/10/20\n\
         [ 1, 10]: 2 #########################\n\
         [11, 20]: 1 ############\n\
         [21, 30]: 1 ############\n\
         [31, 40]: 0 \n\n",
    );
}

#[test]
fn bars_get_wider_with_the_range() {
    check(
        &[5, 4005],
        2,
        "things (min/avg/max): 5/2005/4005\n\
         [   1, 1000]: 1 ##################################################\n\
         [1001, 2000]: 0 \n\
         [2001, 3000]: 0 \n\
         [3001, 4000]: 0 \n\
         [4001, 5000]: 1 ##################################################\n\
         [5001, 6000]: 0 \n\n",
    );
}
