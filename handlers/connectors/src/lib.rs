//! One module per advertising platform, the one extract loop, and the OAuth engine; only reads
