//! The generator of Go's `math/rand`, which decides which nodes make up a tenant's shard.
//!
//! An additive lagged Fibonacci generator, x(n) = x(n-607) + x(n-273) mod 2^64. Go begins from a fixed table, the state of
//! the same generator after 7.8·10^12 steps from seed 1, and mixes the seed into it. That table is computed here instead of
//! listed: n steps of a linear recurrence are a product with x^n modulo its characteristic polynomial, x^607 - x^334 - 1,
//! and x^n takes some forty squarings.

use std::sync::LazyLock;

const LENGTH: usize = 607;
const TAP: usize = 273;
/// Where the generator writes first.
const FEED: usize = LENGTH - TAP;
/// How many steps the table is from its seed.
const STEPS: u64 = 7_800_000_000_000;
const MODULUS: i64 = (1 << 31) - 1;

static TABLE: LazyLock<[u64; LENGTH]> = LazyLock::new(|| table(STEPS));

/// Go's `rand.NewSource(seed)`.
#[derive(Debug)]
pub struct GoRand {
    state: [u64; LENGTH],
    tap: usize,
    feed: usize,
}

impl GoRand {
    /// A generator that starts from `seed`.
    pub fn new(seed: i64) -> Self {
        let mut state = seeded(seed, [40, 20, 0]);
        for (place, constant) in state.iter_mut().zip(TABLE.iter()) {
            *place ^= constant;
        }
        Self { state, tap: 0, feed: FEED }
    }

    /// Go's `Uint64`.
    pub fn next_u64(&mut self) -> u64 {
        self.tap = self.tap.checked_sub(1).unwrap_or(LENGTH - 1);
        self.feed = self.feed.checked_sub(1).unwrap_or(LENGTH - 1);
        let sum = self.state[self.feed].wrapping_add(self.state[self.tap]);
        self.state[self.feed] = sum;
        sum
    }
}

/// A state made of the numbers of a multiplicative generator (48271 modulo 2^31-1), three for each place, shifted.
fn seeded(seed: i64, shifts: [u32; 3]) -> [u64; LENGTH] {
    let seed = seed.rem_euclid(MODULUS);
    let mut number = if seed == 0 { 89_482_311 } else { seed };
    let mut next = || {
        number = number * 48_271 % MODULUS;
        number.cast_unsigned()
    };
    for _ in 0..20 {
        next();
    }
    std::array::from_fn(|_| shifts.iter().fold(0, |all, shift| all ^ next() << shift))
}

/// The state after `steps` from seed 1.
fn table(steps: u64) -> [u64; LENGTH] {
    let start = seeded(1, [20, 10, 0]);
    // Step k writes at FEED - k; what was written -606, …, 0 steps ago is the start, oldest first.
    let place = |step: usize| (FEED + 2 * LENGTH - 1 - step) % LENGTH;
    let mut sequence = Vec::with_capacity(2 * LENGTH);
    sequence.extend((0..LENGTH).map(|step| start[place(step)]));
    for step in LENGTH..2 * LENGTH {
        sequence.push(sequence[step - LENGTH].wrapping_add(sequence[step - TAP]));
    }
    let factors = power_of_x(steps);
    let mut table = [0; LENGTH];
    let turned = usize::try_from(steps % LENGTH as u64).unwrap_or(0);
    for step in 0..LENGTH {
        let window = sequence.iter().skip(step).zip(&factors);
        let sum = window.fold(0u64, |sum, (value, factor)| sum.wrapping_add(value.wrapping_mul(*factor)));
        table[place((step + turned) % LENGTH)] = sum;
    }
    table
}

/// x^`exponent` modulo x^607 - x^334 - 1, coefficients modulo 2^64.
fn power_of_x(exponent: u64) -> [u64; LENGTH] {
    let mut power = [0; LENGTH];
    power[0] = 1;
    for bit in (0..u64::BITS - exponent.leading_zeros()).rev() {
        power = square(&power);
        if exponent >> bit & 1 == 1 {
            power = times_x(&power);
        }
    }
    power
}

fn square(of: &[u64; LENGTH]) -> [u64; LENGTH] {
    let mut product = [0u64; 2 * LENGTH];
    for (left, factor) in of.iter().enumerate().filter(|(_, factor)| **factor != 0) {
        for (sum, right) in product[left..].iter_mut().zip(of) {
            *sum = sum.wrapping_add(factor.wrapping_mul(*right));
        }
    }
    for degree in (LENGTH..2 * LENGTH).rev() {
        let high = product[degree];
        product[degree - LENGTH] = product[degree - LENGTH].wrapping_add(high);
        product[degree - TAP] = product[degree - TAP].wrapping_add(high);
    }
    std::array::from_fn(|degree| product[degree])
}

fn times_x(of: &[u64; LENGTH]) -> [u64; LENGTH] {
    let high = of[LENGTH - 1];
    let mut product: [u64; LENGTH] = std::array::from_fn(|degree| degree.checked_sub(1).map_or(0, |lower| of[lower]));
    product[0] = product[0].wrapping_add(high);
    product[FEED] = product[FEED].wrapping_add(high);
    product
}
