//! What every backend of a port must do: one suite per port, run by each backend's tests.
//!
//! A suite uses names of its own, so that it may run on a store that holds other things.

mod queue;
mod raw_store;
mod secrets;

pub use queue::queue;
pub use raw_store::raw_store;
pub use secrets::secrets;
