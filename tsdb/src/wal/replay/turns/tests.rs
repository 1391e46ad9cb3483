use super::*;
use std::thread;
use std::time::Duration;

#[test]
fn turns_are_taken_in_the_order_of_numbers() {
    let turns = Turns::new(Vec::new());
    thread::scope(|scope| {
        for first in (0..4).rev() {
            let turns = &turns;
            scope.spawn(move || {
                for number in (first..400).step_by(4) {
                    turns.take(number, |seen| seen.push(number)).unwrap();
                }
                turns.after(400, |seen| assert_eq!(seen.len(), 400)).unwrap();
            });
        }
    });
    assert_eq!(turns.into_inner(), (0..400).collect::<Vec<u64>>());
}

#[test]
fn who_waits_learns_that_it_is_over() {
    let turns = Turns::new(());
    thread::scope(|scope| {
        let waiting = [scope.spawn(|| turns.take(7, |()| ())), scope.spawn(|| turns.after(7, |()| ()))];
        thread::sleep(Duration::from_millis(10));
        turns.end();
        waiting.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), Err(Over)));
    });
    assert_eq!(turns.take(0, |()| ()), Err(Over));
}
