//! Tasks, probes, the admin HTTP server and graceful shutdown.
