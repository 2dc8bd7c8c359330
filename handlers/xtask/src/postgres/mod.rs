//! A PostgreSQL of our own: the programs of this machine or packaged ones, a data folder of
//! ours, loopback only. PostgreSQL refuses to run as root, so root hands it to an account that
//! exists and has no privileges.

mod account;
mod cluster;
mod place;
mod programs;

pub(crate) use cluster::{Cluster, Kind, folder_of, free_port};
pub(crate) use place::Place;
