//! A remote that can't change anything: what commands of the read tier get.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use super::navigator::{Ask, Asked, Navigator};
use super::remote::{CallError, Completion, ErrorClass, Remote, Request};

/// Answers reads and refuses writes before anything is sent.
pub struct ReadOnly<R>(pub R);

impl<R: Remote> Remote for ReadOnly<R> {
    fn call(&self, request: Request) -> Pin<Box<dyn Future<Output = Completion> + '_>> {
        match request {
            Request::Write { .. } | Request::Associate { .. } | Request::Archive { .. } => {
                let refused = CallError {
                    system: "twinmap".to_owned(),
                    class: ErrorClass::NotApplied,
                    message: "this command only reads, and a write was asked for".to_owned(),
                    retry_after: None,
                };
                Box::pin(std::future::ready(Err(refused)))
            }
            read => self.0.call(read),
        }
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        self.0.calls()
    }

    fn left_today(&self) -> Option<u64> {
        self.0.left_today()
    }
}

impl<R: Navigator> Navigator for ReadOnly<R> {
    fn ask(&self, ask: Ask) -> Asked<'_> {
        if super::salesnav::writes(&ask) {
            return Box::pin(std::future::ready(Err(super::salesnav::read_only())));
        }
        self.0.ask(ask)
    }
}
