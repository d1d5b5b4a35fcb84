//! District pick-up: an OFFER for a district goes to the office of this city that serves it, where
//! the configuration names one. It goes as a REDIRECT, so the person is asked about that office anew
//! and nobody else's yes opens anything to it; the window of reception can take it up meanwhile.

use super::Cut;
use crate::batch::Batch;
use crate::directory::Bond;
use crate::legs::LegFile;
use crate::trouble::{Outcome, Trouble};
use jieli_proto::case::{Side, Stage};
use jieli_proto::wire;

impl Batch<'_> {
    /// The office that serves the district of an offer, if that is another than the one it came to:
    /// the first window of the configuration whose office the agreement gives this service to.
    pub(super) fn office_of_district(
        &self,
        bond: &Bond,
        file: &LegFile,
        cut: &Cut,
    ) -> Option<String> {
        let windows = self.house.config.desk.windows.iter();
        let serving = windows.filter(|window| window.districts.contains(&cut.district));
        let mut offices = serving.map(|window| window.office.as_str()).peekable();
        // Who serves it already keeps it.
        offices.peek()?;
        let able = self.competent(bond, file);
        for office in offices {
            if office == file.our_office {
                return None;
            }
            if able.iter().any(|one| one.credit_code == office) {
                return Some(office.to_owned());
            }
        }
        None
    }

    /// Hands an offer that has just come to the office of its district. Where nobody could take it
    /// up there, it stays where it came.
    pub(super) async fn hand_to_district(
        &mut self,
        bond: &Bond,
        file: &mut LegFile,
        cut: &Cut,
    ) -> Outcome<bool> {
        let state = file.law.state();
        let is_new = file.our_side == Side::Examiner
            && state.stage == Stage::Offered
            && state.redirects == 0;
        let Some(office) = self.office_of_district(bond, file, cut).filter(|_| is_new) else {
            return Ok(false);
        };
        let speech = match self.redirect(bond, file, &wire::DeskRedirect { office }) {
            Ok(speech) => speech,
            Err(Trouble::Denied(denied)) => {
                self.alarm("district-without-desk", &bond.peer, &denied.en).await?;
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        self.leaves_office(file).await?;
        self.say(file, speech).await?;
        self.record("to the office of the district", &file.id.0);
        Ok(true)
    }
}
