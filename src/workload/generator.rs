//! Seeded generators of workloads.
