//! The store, on both databases. PostgreSQL is named by `JIELI_TEST_PG`, the URL of a server on
//! which the tests may make schemas of their own; a machine of continuous integration must have one.

mod log;
mod support;
