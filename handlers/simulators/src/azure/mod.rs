//! The managed services of Azure as local servers, for the tests and proofs of the Azure
//! backends: an identity endpoint, a Key Vault, and gates that stand in front of a real server
//! and make trouble on order. All of them speak TLS with certificates of one [`Authority`],
//! except where the service itself does not.

mod authority;
mod container_apps;
mod gate;
mod identity;
mod key_vault;
mod port;
mod server;
mod tcp_gate;
mod tokens;

pub use authority::{Authority, Leaf};
pub use container_apps::{ContainerApps, Observed, Status, TransformJob};
pub use gate::{Fault, Gate, Order};
pub use identity::{IdentityEndpoint, USER_ASSIGNED_CLIENT_ID};
pub use key_vault::KeyVault;
pub use tcp_gate::TcpGate;
pub use tokens::Tokens;
