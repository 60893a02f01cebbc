//! Signed assertions (RS256) for Salesforce's JWT bearer flow.

use data_encoding::BASE64URL_NOPAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::AuthError;
use crate::value::Millis;

/// The vendor takes up to three minutes; one is left to clocks that differ.
const LIFE: i64 = 120;

/// An RSA private key.
pub struct SigningKey(Box<RsaKeyPair>);

/// A key that can't sign, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadKey(pub String);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

impl SigningKey {
    /// Reads a PEM text (PKCS#8 or PKCS#1).
    pub fn from_pem(pem: &SecretString) -> Result<Self, BadKey> {
        let der = PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes()).map_err(|_| {
            BadKey("the private key is no PEM text: it begins with `-----BEGIN PRIVATE KEY-----`".to_owned())
        })?;
        let pair = match &der {
            PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
            _ => return Err(BadKey("the private key is no RSA key".to_owned())),
        };
        pair.map(|pair| SigningKey(Box::new(pair)))
            .map_err(|error| BadKey(format!("the private key is no RSA key of 2048 bits or more ({error})")))
    }

    /// A signed assertion that `username` allows `client_id` to act.
    pub(super) fn assertion(
        &self,
        client_id: &str,
        username: &str,
        audience: &str,
        now: Millis,
    ) -> Result<SecretString, AuthError> {
        let encode = |text: String| BASE64URL_NOPAD.encode(text.as_bytes());
        let header = encode(json!({"alg": "RS256", "typ": "JWT"}).to_string());
        let expires = now.0 / 1_000 + LIFE;
        let claims =
            encode(json!({"iss": client_id, "sub": username, "aud": audience, "exp": expires}).to_string());
        let message = format!("{header}.{claims}");
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .map_err(|_| AuthError("the assertion could not be signed".to_owned()))?;
        Ok(SecretString::from(format!("{message}.{}", BASE64URL_NOPAD.encode(&signature))))
    }
}
