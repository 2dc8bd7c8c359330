//! Every endpoint, authentication, replies and OpenAPI; the only product crate that knows warp
