//! Access tokens: where they come from and when they are renewed.
//!
//! Invariant: one renewal at a time per connection; whoever waited for it uses its result. A token is never printed:
//! secret types have no `Debug` that shows them.

use std::cell::RefCell;
use std::rc::Rc;

use secrecy::{ExposeSecret as _, SecretString};

use super::timer::Timer;
use super::transport::Transport;
use crate::value::Millis;

/// What a connection signs in with.
#[derive(Debug)]
pub enum Credentials {
    /// A token that somebody else renews: HubSpot private app, Salesforce session.
    Token(SecretString),
}

/// One token in use.
#[derive(Clone, Debug)]
pub struct Token {
    secret: Rc<SecretString>,
    /// Counts renewals, so that a caller can say which token was refused.
    pub generation: u64,
    expires: Option<Millis>,
    /// Where the API answers, when the vendor names it with the token.
    pub instance: Option<String>,
}

impl Token {
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.secret.expose_secret())
    }
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AuthError(pub String);

#[derive(Debug)]
pub struct Auth {
    credentials: Credentials,
    current: RefCell<Option<Token>>,
    flight: tokio::sync::Mutex<()>,
}

impl Auth {
    pub fn new(credentials: Credentials) -> Self {
        Auth { credentials, current: RefCell::new(None), flight: tokio::sync::Mutex::new(()) }
    }

    /// The token to send now.
    pub async fn token(&self, transport: &dyn Transport, timer: &dyn Timer) -> Result<Token, AuthError> {
        let known = self.current.borrow().clone();
        match known {
            Some(token) if token.expires.is_none_or(|at| timer.now() < at) => Ok(token),
            Some(token) => self.renew(token.generation, transport, timer).await,
            None => self.renew(0, transport, timer).await,
        }
    }

    /// A token newer than `refused`.
    pub async fn renew(
        &self,
        refused: u64,
        transport: &dyn Transport,
        timer: &dyn Timer,
    ) -> Result<Token, AuthError> {
        let _one = self.flight.lock().await;
        if let Some(token) = self.current.borrow().as_ref().filter(|token| token.generation > refused) {
            return Ok(token.clone());
        }
        let token = self.obtain(refused + 1, transport, timer).await?;
        *self.current.borrow_mut() = Some(token.clone());
        Ok(token)
    }

    /// Whether a refused token can be replaced by a new one.
    pub fn renewable(&self) -> bool {
        !matches!(self.credentials, Credentials::Token(_))
    }

    async fn obtain(
        &self,
        generation: u64,
        _transport: &dyn Transport,
        _timer: &dyn Timer,
    ) -> Result<Token, AuthError> {
        match &self.credentials {
            Credentials::Token(secret) => {
                Ok(Token { secret: Rc::new(secret.clone()), generation, expires: None, instance: None })
            }
        }
    }
}
