//! The case law against an independent model, against its own promises, and against planted faults.

//mod conditions;
//mod crossings;
mod explore;
//mod extensions;
//mod mutants;
mod vectors;
mod world;
