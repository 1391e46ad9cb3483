//! Sums, plain and compensated.

/// A sum as it grows, and what rounding took from it so far (nothing, where nobody asked).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sum {
    pub(super) value: f64,
    pub(super) lost: f64,
}

/// How terms are added to a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Addition {
    Plain,
    /// Kahan's, with Neumaier's improvement: what is lost is kept beside the sum.
    Kahan,
}

impl From<f64> for Sum {
    fn from(value: f64) -> Self {
        Self { value, lost: 0.0 }
    }
}

impl Sum {
    pub(super) fn is_empty(self) -> bool {
        self.value == 0.0 && self.lost == 0.0
    }

    /// The sum with `term` added, and what that lost. Once it is infinite nothing is missing any more.
    ///
    /// Source: Prometheus 3.14, `util/kahansum`.
    #[inline]
    pub(super) fn kahan(self, term: f64) -> Self {
        let value = self.value + term;
        let lost = match self.value.abs() >= term.abs() {
            true => (self.value - value) + term,
            false => (term - value) + self.value,
        };
        Self { value, lost: if value.is_infinite() { 0.0 } else { self.lost + lost } }
    }
}

impl Addition {
    #[inline]
    pub(super) fn add(self, sum: Sum, term: f64) -> Sum {
        match self {
            Self::Plain => Sum { value: sum.value + term, ..sum },
            Self::Kahan => sum.kahan(term),
        }
    }

    /// The sum with another one added, and what that one had lost.
    #[inline]
    pub(super) fn merge(self, sum: Sum, other: Sum) -> Sum {
        let sum = self.add(sum, other.value);
        if other.lost == 0.0 { sum } else { self.add(sum, other.lost) }
    }
}
