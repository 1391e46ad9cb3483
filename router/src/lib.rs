//! Remote write in: HTTP, admission, and the way to the ingesters.
