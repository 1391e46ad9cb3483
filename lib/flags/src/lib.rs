//! The flag grammar of Thanos and human units.
