//! Stories over real processes.
