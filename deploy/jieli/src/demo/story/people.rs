//! The people of the sheet, and who takes part in which step.

use super::*;

/// A worker of the sheet with the case made for it.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Row of the sheet.
    pub row: u32,
    /// Case number in Kunming.
    pub case: String,
    /// What the sheet says.
    pub draft: wire::Draft,
}

impl Worker {
    /// The worker's own name.
    pub fn name(&self) -> String {
        self.draft.worker.clone().unwrap_or_default().name
    }

    /// The worker's phone.
    pub fn phone(&self) -> String {
        self.draft.worker.clone().unwrap_or_default().phone
    }

    /// The leg of a service, as the sheet asks for it.
    pub fn leg(&self, service: Service) -> Option<&wire::DraftLeg> {
        self.draft.legs.iter().find(|leg| leg.service() == service)
    }

    /// The child who is to go to school.
    pub fn child(&self) -> Option<&wire::DraftPerson> {
        self.leg(Service::Schooling)?.person.as_ref()
    }

    /// Names, numbers and phones of the household, to look for where they must not be.
    pub fn secrets(&self) -> Vec<String> {
        let people = self.draft.legs.iter().filter_map(|leg| leg.person.as_ref());
        let mut all = Vec::new();
        for person in self.draft.worker.iter().chain(people) {
            all.extend([person.name.clone(), person.number.clone(), person.phone.clone()]);
        }
        all.retain(|text| !text.is_empty());
        all
    }

    /// Text of a field of a leg.
    pub fn text(&self, service: Service, at: (u32, u32)) -> Option<String> {
        let fields = &self.leg(service)?.fields;
        let found = fields.iter().find(|field| (field.section, field.field) == at)?;
        match found.value.as_ref()? {
            wire::draft_field::Value::Text(text) => Some(text.clone()),
            wire::draft_field::Value::Number(_) | wire::draft_field::Value::Flag(_) => None,
        }
    }

    /// Whether a home in a dormitory is asked for.
    pub fn wants_dormitory(&self) -> bool {
        let dormitory = Some(wire::draft_field::Value::Number(3));
        self.leg(Service::Housing).is_some_and(|leg| {
            leg.fields.iter().any(|f| (f.section, f.field) == (3, 1) && f.value == dormitory)
        })
    }

    fn asks_only(&self, services: &[Service]) -> bool {
        self.draft.legs.len() == services.len() && services.iter().all(|s| self.leg(*s).is_some())
    }
}

impl Story {
    /// The next worker of the sheet who fits and has no part yet.
    pub(super) fn pick(&mut self, what: &str, fits: impl Fn(&Worker) -> bool) -> Result<Worker> {
        let taken = &self.memory.taken;
        // A name that occurs twice proves nothing when it is looked for.
        let alone = |worker: &Worker| {
            let name = worker.name();
            self.memory.workers.iter().filter(|other| other.name() == name).count() == 1
        };
        let mut free = self.memory.workers.iter().filter(|worker| !taken.contains(&worker.row));
        let found = free.find(|worker| fits(worker) && alone(worker)).cloned();
        let found = found.with_context(|| {
            format!(
                "名单里没有合适的人了，请重新开始。 No {what} is left in the sheet: start over."
            )
        })?;
        self.memory.taken.push(found.row);
        Ok(found)
    }

    pub(super) fn pick_with(
        &mut self,
        what: &str,
        city: &str,
        services: &[Service],
        dormitory: bool,
    ) -> Result<Worker> {
        self.pick(what, |worker| {
            worker.draft.city == city
                && worker.asks_only(services)
                && worker.wants_dormitory() == dormitory
        })
    }
}
