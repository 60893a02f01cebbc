//! Access tokens: where they come from and when they are renewed.
//!
//! Invariants: one renewal at a time per connection, also across processes where a grant rotates; whoever waited for
//! it uses its result. A token is never printed: secret types have no `Debug` that shows them.

mod grant;
mod jwt;
mod store;

use std::cell::RefCell;
use std::rc::Rc;

use secrecy::{ExposeSecret as _, SecretString};

pub use grant::{Endpoint, Grant, GrantKind};
pub use jwt::{BadKey, SigningKey};
pub use store::TokenStore;

use super::timer::Timer;
use super::transport::Transport;
use crate::value::Millis;

/// What a connection signs in with.
#[derive(Debug)]
pub enum Credentials {
    /// A token that somebody else renews: HubSpot private app, Salesforce session.
    Token(SecretString),
    /// Something that tokens are asked for with.
    Grant {
        kind: GrantKind,
        /// Where to ask, when it is not the API's own address.
        login_url: Option<String>,
        /// Keeps refresh tokens that change, and lets processes share one renewal.
        store: Option<TokenStore>,
    },
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

/// Why there is no token. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AuthError(pub String);

#[derive(Debug)]
enum Source {
    Fixed(SecretString),
    Granted(Box<Grant>),
}

#[derive(Debug)]
pub struct Auth {
    source: Source,
    current: RefCell<Option<Token>>,
    flight: tokio::sync::Mutex<()>,
}

impl Auth {
    fn new(source: Source) -> Self {
        Auth { source, current: RefCell::new(None), flight: tokio::sync::Mutex::new(()) }
    }

    pub fn fixed(token: SecretString) -> Self {
        Auth::new(Source::Fixed(token))
    }

    pub fn granted(grant: Grant) -> Self {
        Auth::new(Source::Granted(Box::new(grant)))
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
        let before = self.current.borrow().clone();
        if let Some(token) = before.as_ref().filter(|token| token.generation > refused) {
            return Ok(token.clone());
        }
        let token = match &self.source {
            Source::Fixed(secret) => Token {
                secret: Rc::new(secret.clone()),
                generation: refused + 1,
                expires: None,
                instance: None,
            },
            Source::Granted(grant) => {
                let old = before.as_ref().map(|token| token.secret.as_ref());
                let fresh = grant.obtain(old, transport, timer).await?;
                Token {
                    secret: Rc::new(fresh.access),
                    generation: refused + 1,
                    expires: fresh.expires,
                    instance: fresh.instance,
                }
            }
        };
        *self.current.borrow_mut() = Some(token.clone());
        Ok(token)
    }

    /// Whether a refused token can be replaced by a new one.
    pub fn renewable(&self) -> bool {
        matches!(self.source, Source::Granted(_))
    }
}
