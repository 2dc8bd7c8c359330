//! Connectors against real HTTP servers: scripted ones for faults in the bytes themselves, the
//! simulators for all that a platform says in its own words.

mod bytes;
mod consent;
mod discovery;
mod faults;
mod figures;
mod gather;
mod patience;
mod scripted;
mod simulated;
