//! The pages, one file a task.

pub(super) mod account;
pub(super) mod admin;
pub(super) mod agreements;
pub(super) mod case;
pub(super) mod delays;
pub(super) mod figures;
pub(super) mod find;
pub(super) mod given;
pub(super) mod home;
pub(super) mod oidc;
pub(super) mod packs;
pub(super) mod partners;
pub(super) mod places;
pub(super) mod posts;
pub(super) mod queue;
pub(super) mod review;
pub(super) mod rota;
pub(super) mod sheet;
pub(super) mod step;
pub(super) mod system;
pub(super) mod vacancies;
pub(super) mod window;
