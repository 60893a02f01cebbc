//! Salesforce over HTTP.
