//! How numbers spread, as bars.

use std::io::{self, Write};

/// Numbers of which there are many.
#[derive(Debug, Default)]
pub(super) struct Spread {
    numbers: Vec<u64>,
}

/// Bars are at least this wide, and at most a hundred times the next larger power of ten.
const NARROWEST: u64 = 10;
const WIDEST: u64 = 10_000;

impl Spread {
    pub(super) fn push(&mut self, number: u64) {
        self.numbers.push(number);
    }

    /// Prints a bar for each range of numbers. A mark in it stands for a hundredth of `total`.
    ///
    /// # Errors
    /// Those of `out`.
    pub(super) fn print(&self, title: &str, total: usize, out: &mut dyn Write) -> io::Result<()> {
        let (Some(&least), Some(&most)) = (self.numbers.iter().min(), self.numbers.iter().max()) else {
            return write!(out, "{title}: N/A\n\n");
        };
        let step = step(least, most);
        let (start, end) = (least - least % step, most - most % step + step);
        let mut bars = vec![0_usize; ((end - start) / step + 1) as usize];
        for number in &self.numbers {
            if let Some(bar) = bars.get_mut(((number - start) / step) as usize) {
                *bar += 1;
            }
        }
        let average = self.numbers.iter().sum::<u64>() / self.numbers.len() as u64;
        writeln!(out, "{title} (min/avg/max): {least}/{average}/{most}")?;
        let digits = |number: u64| number.to_string().len();
        let (left, right) = (digits(end), digits(end + step));
        let width = digits(bars.iter().copied().max().unwrap_or(0) as u64);
        for (from, count) in (start..).step_by(step as usize).zip(bars) {
            let marks = "#".repeat(100 * count / total.max(1));
            writeln!(out, "[{:left$}, {:right$}]: {count:width$} {marks}", from + 1, from + step)?;
        }
        writeln!(out)
    }
}

/// How many numbers share a bar.
fn step(least: u64, most: u64) -> u64 {
    let tenth = (most - least) / 10;
    let mut step = NARROWEST;
    while step < tenth && step <= WIDEST {
        step *= 10;
    }
    step
}

#[cfg(test)]
mod tests;
