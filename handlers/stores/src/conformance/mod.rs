//! What every backend of a port must do: one suite per port, run by each backend's tests.
//!
//! A suite uses names of its own, so that it may run on a store that holds other things.

mod queue;
mod raw_store;
mod secrets;
mod shared_cache;

pub use queue::queue;
pub use raw_store::raw_store;
pub use secrets::secrets;
pub use shared_cache::shared_cache;
