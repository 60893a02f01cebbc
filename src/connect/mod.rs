//! Connections to CRMs: the [`remote::Remote`] trait that the engine knows, and its HTTP implementations.

pub mod hubspot;
pub mod remote;
pub mod salesforce;
