//! The pipeline on a real PostgreSQL and a real directory. Extractions are landed as a connector
//! would land them; the vault and whole syncs meet the simulated platforms.

mod building;
mod credentials;
mod fake_dbt;
mod landing;
mod loading;
mod planning;
mod publishing;
mod simulated;
mod syncing;
mod working;
mod world;
