//! HubSpot over HTTP.
