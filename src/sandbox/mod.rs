//! The simulated CRMs: one model, two faces.
