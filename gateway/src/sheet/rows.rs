//! Rows into drafts. Every cell of a row is read even when an earlier one is wrong, so that the
//! clerk sees all there is to put right at once.

use std::collections::BTreeMap;

use jieli_proto::number::{
    AgeBand, CitizenNumber, MobileNumber, NumberError, OtherNumber, PersonName,
};

use super::columns::Layout;
use super::finding::{Fault, Finding, Severity};
use super::headings::Column;
use super::table::{Raw, RawRow};
use super::values::{
    AGE_BANDS, AGE_BANDS_ZH, DOCUMENT_KINDS, DOCUMENT_KINDS_ZH, HOUSING_KINDS, HOUSING_KINDS_ZH,
    SCHEMES, SCHEMES_ZH, YES_NO, YES_NO_ZH, choose, date, grade, persons, skill,
};
use super::{
    Child, Document, DocumentKind, DocumentNumber, Guardian, Leg, Options, Row, Sheet, Worker,
};

/// What a row of totals or signatures begins with.
const TOTALS: &[&str] = &[
    "合计",
    "总计",
    "小计",
    "共计",
    "总人数",
    "填表",
    "制表",
    "审核",
    "经办",
    "注:",
    "total",
    "subtotal",
];

/// Reads the rows below the headings.
pub(super) fn read(
    rows: &[RawRow],
    hidden_columns: &[u32],
    layout: Layout,
    options: &Options,
) -> Sheet {
    let mut book = Book::default();
    let mut sheet = Sheet {
        rows: Vec::new(),
        findings: Vec::new(),
        rows_read: 0,
        heading_row: layout.heading_row,
    };
    if let (None, Some((column, heading))) =
        (&options.known_vacancies, layout.places.get(&Column::Vacancy))
    {
        let fault = Fault::VacanciesUnchecked;
        sheet.findings.push(Finding::new(fault, layout.heading_row, *column, heading));
    }
    if let (None, Some((position, heading))) =
        (layout.places.get(&Column::Skill), layout.places.get(&Column::Vacancy))
    {
        let fault = Fault::SkillAbsent;
        sheet.findings.push(Finding::new(fault, layout.heading_row, *position, heading));
    }
    for (column, (position, heading)) in &layout.places {
        if hidden_columns.contains(position) && !column.is_read_over() {
            let fault = Fault::HiddenColumn;
            sheet.findings.push(Finding::new(fault, layout.heading_row, *position, heading));
        }
    }
    for row in rows {
        let mut reader = RowReader { row, layout: &layout, options, findings: Vec::new() };
        if reader.is_filler() {
            continue;
        }
        sheet.rows_read += 1;
        let draft = if row.hidden { reader.hidden() } else { reader.draft() };
        book.file(draft, &mut reader, &mut sheet.rows);
        let mut findings = reader.findings;
        findings.sort_by_key(|(column, finding)| (*column, finding.fault));
        sheet.findings.extend(findings.into_iter().map(|(_, finding)| finding));
    }
    sheet
}

/// Who was in which row already.
#[derive(Default)]
struct Book {
    workers: BTreeMap<Document, (u32, PersonName)>,
    children: BTreeMap<Document, u32>,
    phones: BTreeMap<MobileNumber, (u32, Document)>,
}

impl Book {
    /// Adds the draft to the others unless its worker is there already.
    fn file(&mut self, draft: Option<Row>, reader: &mut RowReader<'_>, drafts: &mut Vec<Row>) {
        let Some(mut draft) = draft else { return };
        self.drop_repeated_child(&mut draft, reader);
        if draft.legs.is_empty() {
            return;
        }
        let worker = &draft.worker;
        if let Some((first_row, name)) = self.workers.get(&worker.document) {
            let first_row = *first_row;
            let same = *name == worker.name;
            let child = draft.legs.into_iter().find(|leg| matches!(leg, Leg::Schooling { .. }));
            let first = drafts.binary_search_by_key(&first_row, |row| row.number);
            let first = first.ok().and_then(|index| drafts.get_mut(index));
            let fault = match (same, child, first) {
                (false, _, _) => Fault::RepeatedNumber { first_row },
                (true, Some(child), Some(first)) => {
                    self.note_child(&child, first_row);
                    first.legs.push(child);
                    Fault::ChildAdded { first_row }
                }
                (true, _, _) => Fault::RepeatedWorker { first_row },
            };
            reader.note(Column::Number, fault);
            return;
        }
        if let Some(phone) = &worker.phone {
            match self.phones.get(phone) {
                Some((first_row, _)) => {
                    let first_row = *first_row;
                    reader.note(Column::Phone, Fault::SharedPhone { first_row });
                }
                None => {
                    let entry = (draft.number, worker.document.clone());
                    self.phones.insert(phone.clone(), entry);
                }
            }
        }
        self.workers.insert(worker.document.clone(), (draft.number, worker.name.clone()));
        for leg in &draft.legs {
            self.note_child(leg, draft.number);
        }
        drafts.push(draft);
    }

    fn drop_repeated_child(&self, draft: &mut Row, reader: &mut RowReader<'_>) {
        let children = &self.children;
        draft.legs.retain(|leg| {
            let Leg::Schooling { child, .. } = leg else { return true };
            let Some(&first_row) = children.get(&child.document) else { return true };
            reader.note(Column::ChildNumber, Fault::RepeatedChild { first_row });
            false
        });
    }

    fn note_child(&mut self, leg: &Leg, row: u32) {
        if let Leg::Schooling { child, .. } = leg {
            self.children.insert(child.document.clone(), row);
        }
    }
}

struct RowReader<'a> {
    row: &'a RawRow,
    layout: &'a Layout,
    options: &'a Options,
    findings: Vec<(u32, Finding)>,
}

impl RowReader<'_> {
    /// A row with nothing but a running number or a footer in that column, a row of totals or a
    /// signature without a document's number, or the headings repeated for printing.
    fn is_filler(&self) -> bool {
        let mut places = self.layout.places.iter();
        let blank = places.all(|(column, _)| column.is_read_over() || self.blank(*column));
        blank
            || self.is_total()
            || self.layout.places.iter().all(|(column, (_, h))| self.text(*column) == *h)
    }

    fn is_total(&self) -> bool {
        let first = self.row.cells.iter().find(|raw| !raw.is_blank());
        let first: String = first.map(Raw::text).unwrap_or_default();
        let first = first.replace(char::is_whitespace, "").to_lowercase();
        self.blank(Column::Number) && TOTALS.iter().any(|word| first.starts_with(word))
    }

    fn hidden(&mut self) -> Option<Row> {
        self.note(Column::Name, Fault::HiddenRow);
        None
    }

    fn draft(&mut self) -> Option<Row> {
        self.note_broken();
        let mut worker = self.worker();
        let destination = self.words(Column::City);
        let asked = self.employment_asked();
        if let Some(worker) = &mut worker {
            self.check_age(worker, asked);
        }
        let legs = [
            if asked { self.employment() } else { None },
            self.schooling(&worker),
            self.insurance(),
            self.housing(),
        ];
        let legs: Vec<Leg> = legs.into_iter().flatten().collect();
        if legs.is_empty() && !self.has_error() {
            self.note(Column::Name, Fault::NothingAsked);
        }
        if self.has_error() {
            return None;
        }
        Some(Row { number: self.row.number, worker: worker?, destination: destination?, legs })
    }

    fn worker(&mut self) -> Option<Worker> {
        let name = self.name(Column::Name);
        let document = self.document(Column::DocumentKind, Column::Number);
        let phone = match self.text(Column::Phone) {
            text if text.is_empty() => Some(None),
            text => self.parsed(Column::Phone, MobileNumber::parse(&text)).map(Some),
        };
        let age_band = self.age_band(Column::Number, Column::AgeBand, document.as_ref());
        Some(Worker {
            name: name?,
            document: document?,
            phone: phone?,
            age_band: Some(age_band?),
            guardian: None,
        })
    }

    /// Rule V14.
    fn check_age(&mut self, worker: &mut Worker, job: bool) {
        match worker.age_band {
            Some(band) if job && !band.may_work() => self.note(Column::Number, Fault::UnderAge),
            Some(AgeBand::Under14) => self.note(Column::Number, Fault::ChildAlone),
            Some(AgeBand::From16To17) if job => {
                worker.guardian = self.guardian(worker.phone.as_ref());
                if worker.guardian.is_some() {
                    self.note(Column::Number, Fault::GuardianNotice);
                }
            }
            Some(_) | None => {
                let named = [Column::GuardianName, Column::GuardianPhone];
                if let Some(column) = named.into_iter().find(|column| !self.blank(*column)) {
                    self.note(column, Fault::GuardianNotNeeded);
                }
            }
        }
    }

    fn guardian(&mut self, own: Option<&MobileNumber>) -> Option<Guardian> {
        let missing =
            [Column::GuardianName, Column::GuardianPhone].into_iter().find(|c| self.blank(*c));
        if let Some(column) = missing {
            self.note(column, Fault::NoGuardian);
            return None;
        }
        let name = self.name(Column::GuardianName);
        let text = self.text(Column::GuardianPhone);
        let phone = self.parsed(Column::GuardianPhone, MobileNumber::parse(&text))?;
        let phone = Some(phone).filter(|phone| own != Some(phone));
        let phone = self.found(Column::GuardianPhone, phone, Fault::NoGuardian)?;
        Some(Guardian { name: name?, phone })
    }

    fn employment_asked(&self) -> bool {
        [Column::Vacancy, Column::Occupation, Column::Start].iter().any(|c| !self.blank(*c))
    }

    fn employment(&mut self) -> Option<Leg> {
        let vacancy_ref = self.words(Column::Vacancy);
        if let (Some(reference), Some(known)) = (&vacancy_ref, &self.options.known_vacancies)
            && !known.contains(reference)
        {
            self.note(Column::Vacancy, Fault::UnknownVacancy);
        }
        let occupation = self.words(Column::Occupation);
        let skill_level = match self.text(Column::Skill) {
            text if text.is_empty() => {
                if self.layout.places.contains_key(&Column::Skill) {
                    self.note(Column::Skill, Fault::SkillBlank);
                }
                Some(0)
            }
            text => self.found(Column::Skill, skill(&text), Fault::UnknownSkill),
        };
        let start = self.raw(Column::Start);
        let fault = if start.is_blank() { Fault::Missing } else { Fault::NotADate };
        let start = date(start);
        let earliest_start = self.found(Column::Start, start, fault)?;
        let (vacancy_ref, occupation) = (vacancy_ref?, occupation?);
        Some(Leg::Employment { vacancy_ref, occupation, skill_level: skill_level?, earliest_start })
    }

    fn schooling(&mut self, worker: &Option<Worker>) -> Option<Leg> {
        let no_child = self.blank(Column::ChildName) && self.blank(Column::ChildNumber);
        let text = self.text(Column::Grade);
        if no_child && self.blank(Column::Grade) {
            return None;
        }
        let found = grade(&text);
        let fault = if text.is_empty() { Fault::Missing } else { Fault::UnknownGrade };
        let grade = self.found(Column::Grade, found, fault);
        if no_child && grade.is_none() {
            // One finding is enough: its remedy speaks of the child too.
            return None;
        }
        let name = self.name(Column::ChildName);
        let document = self.document(Column::ChildDocumentKind, Column::ChildNumber);
        let age_band = self.age_band(Column::ChildNumber, Column::ChildAgeBand, document.as_ref());
        if let (Some(worker), Some(document)) = (worker, &document)
            && worker.document == *document
        {
            self.note(Column::ChildNumber, Fault::ChildIsWorker);
        }
        let child = Child { name: name?, document: document?, age_band: Some(age_band?) };
        let (stage, grade) = grade?;
        Some(Leg::Schooling { child, stage, grade })
    }

    fn insurance(&mut self) -> Option<Leg> {
        if self.blank(Column::Insurance) {
            return None;
        }
        let scheme = choose(SCHEMES, &self.text(Column::Insurance));
        let scheme = self.found(Column::Insurance, scheme, Fault::UnknownChoice(SCHEMES_ZH))?;
        scheme.map(|scheme| Leg::Insurance { scheme })
    }

    fn housing(&mut self) -> Option<Leg> {
        let described = !self.blank(Column::HousingKind) || !self.blank(Column::HouseholdSize);
        let wanted = match self.text(Column::HousingWanted) {
            // Not said: asked for if it is described.
            text if text.is_empty() => !self.blank(Column::HousingKind),
            text => {
                let wanted = choose(YES_NO, &text);
                self.found(Column::HousingWanted, wanted, Fault::UnknownChoice(YES_NO_ZH))?
            }
        };
        if !wanted {
            if described {
                self.note(Column::HousingWanted, Fault::HousingNotAsked);
            }
            return None;
        }
        let kind = self.required(Column::HousingKind).and_then(|text| {
            let kind = choose(HOUSING_KINDS, &text);
            self.found(Column::HousingKind, kind, Fault::UnknownChoice(HOUSING_KINDS_ZH))
        });
        let size = self.required(Column::HouseholdSize).and_then(|text| {
            self.found(Column::HouseholdSize, persons(&text), Fault::HouseholdSize)
        });
        Some(Leg::Housing { kind: kind?, household_size: size? })
    }

    fn document(&mut self, kind: Column, number: Column) -> Option<Document> {
        let kind = match self.text(kind) {
            text if text.is_empty() => DocumentKind::ResidentId,
            text => {
                let found = choose(DOCUMENT_KINDS, &text);
                self.found(kind, found, Fault::UnknownChoice(DOCUMENT_KINDS_ZH))?
            }
        };
        let text = self.required(number)?;
        let parsed = match kind {
            DocumentKind::ResidentId | DocumentKind::ResidencePermit => {
                CitizenNumber::parse(&text).map(DocumentNumber::Citizen)
            }
            DocumentKind::ForeignPermanentResidence
            | DocumentKind::Passport
            | DocumentKind::Other => OtherNumber::parse(&text).map(DocumentNumber::Other),
        };
        Some(Document { kind, number: self.parsed(number, parsed)? })
    }

    /// From the number where it tells the age, else from the column of age bands.
    fn age_band(
        &mut self,
        column: Column,
        stated: Column,
        document: Option<&Document>,
    ) -> Option<AgeBand> {
        match &document?.number {
            DocumentNumber::Citizen(number) => {
                let band = number.age_band(self.options.today);
                self.found(column, band, Fault::NotBorn)
            }
            DocumentNumber::Other(_) => match self.text(stated) {
                text if text.is_empty() => {
                    let there = self.layout.places.contains_key(&stated);
                    self.note(if there { stated } else { column }, Fault::AgeMissing);
                    None
                }
                text => {
                    let band = choose(AGE_BANDS, &text);
                    self.found(stated, band, Fault::UnknownChoice(AGE_BANDS_ZH))
                }
            },
        }
    }

    fn name(&mut self, column: Column) -> Option<PersonName> {
        self.required(column)?;
        let parsed = PersonName::parse(&self.raw(column).verbatim());
        self.parsed(column, parsed)
    }

    /// A short text of a required cell that travels without identity: 1 to 50 characters, no
    /// control characters, and no number of a person or a phone.
    fn words(&mut self, column: Column) -> Option<String> {
        let text = self.required(column)?;
        let numbered = if column == Column::Vacancy {
            CitizenNumber::parse(&text).is_ok() || MobileNumber::parse(&text).is_ok()
        } else {
            text.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() > 6)
        };
        let fits = !numbered && text.chars().count() <= 50 && !text.chars().any(char::is_control);
        self.found(column, fits.then_some(text), Fault::BadText)
    }

    fn required(&mut self, column: Column) -> Option<String> {
        let text = self.text(column);
        self.found(column, (!text.is_empty()).then_some(text), Fault::Missing)
    }

    fn parsed<T>(&mut self, column: Column, parsed: Result<T, NumberError>) -> Option<T> {
        parsed.map_err(|error| self.note(column, Fault::Number(error))).ok()
    }

    fn found<T>(&mut self, column: Column, value: Option<T>, fault: Fault) -> Option<T> {
        if value.is_none() {
            self.note(column, fault);
        }
        value
    }

    fn note_broken(&mut self) {
        for (column, (position, _)) in &self.layout.places {
            if column.is_read_over() {
                continue;
            }
            let fault = match self.raw(*column) {
                Raw::Broken => Some(Fault::Broken),
                Raw::Bare => Some(Fault::Bare),
                Raw::Blank => self.row.merged_into(*position).map(|_| Fault::MergedCell),
                Raw::Text(_) | Raw::Number(_) | Raw::Date(_) => None,
            };
            if let Some(fault) = fault {
                self.note(*column, fault);
            }
        }
    }

    /// Notes a fault at a cell; where the sheet has no such column, at the name. A cell that says
    /// nothing for a reason of its own has no second fault.
    fn note(&mut self, column: Column, fault: Fault) {
        let places = &self.layout.places;
        let place = places.get(&column).or_else(|| places.get(&Column::Name));
        let Some((position, heading)) = place else { return };
        let said = self.findings.iter().any(|(at, finding)| {
            let first = matches!(finding.fault, Fault::Broken | Fault::Bare | Fault::MergedCell);
            at == position && first
        });
        if said {
            return;
        }
        let mut finding = Finding::new(fault, self.row.number, *position, heading);
        if !places.contains_key(&column) {
            finding.heading = column.zh().to_owned();
        }
        self.findings.push((*position, finding));
    }

    fn has_error(&self) -> bool {
        self.findings.iter().any(|(_, finding)| finding.severity == Severity::Error)
    }

    fn raw(&self, column: Column) -> &Raw {
        match self.layout.places.get(&column) {
            Some((position, _)) => self.row.cell(*position),
            None => &Raw::Blank,
        }
    }

    fn text(&self, column: Column) -> String {
        self.raw(column).text()
    }

    fn blank(&self, column: Column) -> bool {
        self.raw(column).is_blank()
    }
}
