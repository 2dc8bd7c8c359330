//! Against a management API that really runs the image's entry point.

mod faults;
mod outcomes;
mod same_dbt;
mod stage;
