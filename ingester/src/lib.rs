//! Per-tenant head and log behind the write and the store borders.
