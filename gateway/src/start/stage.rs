//! What the start page needs of whoever runs the cities: their doors, the clock, the phones, the
//! steps of a story. The page knows no node; the demo program implements this.

use async_trait::async_trait;
use std::net::SocketAddr;
use std::sync::Arc;

/// A city and how to speak to its own desks and workers.
#[derive(Clone, Debug)]
pub struct Door {
    /// City id.
    pub id: String,
    /// Name in Chinese.
    pub zh: String,
    /// Name in English.
    pub en: String,
    /// Whether people leave from here; else they arrive.
    pub sends: bool,
    /// Whether its process runs.
    pub up: bool,
    /// Where desks call.
    pub desk: SocketAddr,
    /// Where workers call.
    pub worker: SocketAddr,
    /// Token of the coordination window, which sees stages and no person.
    pub window: String,
    /// Tokens of offices that may see persons of their own, with the office's name.
    pub offices: Vec<Office>,
    /// The console's log-ins, and the worker's pages.
    pub entrances: Vec<Entrance>,
}

/// A way into a city's pages that needs no password.
#[derive(Clone, Debug)]
pub struct Entrance {
    /// Whose: in Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
    /// Where.
    pub url: String,
}

/// An office's desk.
#[derive(Clone, Debug)]
pub struct Office {
    /// Its token.
    pub token: String,
    /// Name in Chinese.
    pub zh: String,
    /// Name in English.
    pub en: String,
}

/// The simulated time.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Unix milliseconds.
    pub unix_ms: u64,
    /// Minutes east of UTC.
    pub zone_offset_min: i32,
}

/// How far a step is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Its turn has not come.
    Waiting,
    /// It runs.
    Running,
    /// Done.
    Done,
    /// It could not run; why. It can be tried again.
    Failed(String),
}

/// A step of the story.
#[derive(Clone, Debug)]
pub struct StepLine {
    /// Title: Chinese, English.
    pub title: [String; 2],
    /// What happens: Chinese, English.
    pub tell: [String; 2],
    /// What to look at: Chinese, English.
    pub look: [String; 2],
    /// How far it is.
    pub state: StepState,
    /// Results: Chinese label, English label, value.
    pub facts: Vec<[String; 3]>,
}

/// A simulated phone.
#[derive(Clone, Debug)]
pub struct Phone {
    /// Id of the city that writes to it.
    pub city: String,
    /// Whose it is: Chinese, English.
    pub holder: [String; 2],
    /// Its number.
    pub number: String,
    /// Whether a visitor may answer; else the story does.
    pub yours: bool,
    /// Newest last.
    pub messages: Vec<PhoneMessage>,
}

/// A message on a phone.
#[derive(Clone, Debug)]
pub struct PhoneMessage {
    /// All of it.
    pub text: String,
    /// The case number in it.
    pub case: String,
    /// The code in it.
    pub code: String,
}

/// Something of which each city can be asked whether it sees it.
#[derive(Clone, Debug)]
pub struct Subject {
    /// What: Chinese, English.
    pub name: [String; 2],
    /// The value to look for.
    pub needle: String,
    /// Cities to ask.
    pub cities: Vec<String>,
    /// Cities that had it and erased it.
    pub erased_in: Vec<String>,
}

/// What a verifier said of a bundle.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Bytes of the bundle.
    pub bytes: usize,
    /// The byte that was changed, if one was.
    pub changed_at: Option<usize>,
    /// Whether all of it holds.
    pub holds: bool,
    /// File, what is wrong in Chinese, in English.
    pub places: Vec<[String; 3]>,
}

/// What a visitor may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// The next step.
    Continue,
    /// All steps that are left.
    PlayAll,
    /// To 09:05 of the next working day.
    NextWorkingDay,
    /// An hour later.
    HourLater,
    /// Cut a city's power.
    PowerOff(String),
    /// Start it again.
    PowerOn(String),
    /// One more worker of the sheet is asked; the phone is the visitor's.
    AskOneMore,
    /// Export a bundle and verify it.
    Verify,
    /// The same with one byte changed.
    ChangeByte,
    /// New cities, from the beginning.
    StartOver,
}

/// Why a wish came to nothing: Chinese, English.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unable(pub [String; 2]);

/// Whoever runs the cities.
#[async_trait]
pub trait Stage: Send + Sync {
    /// The cities, the sender first.
    fn cities(&self) -> Vec<Door>;
    /// The simulated time.
    fn now(&self) -> Moment;
    /// The story.
    fn steps(&self) -> Vec<StepLine>;
    /// The phones.
    fn phones(&self) -> Vec<Phone>;
    /// What to look for.
    fn subjects(&self) -> Vec<Subject>;
    /// The sheet that was refused, without its forbidden columns: a workbook, once there is one.
    fn cleaned(&self) -> Option<Arc<[u8]>>;
    /// The last verdict on a bundle.
    fn verdict(&self) -> Option<Verdict>;
    /// Does something. Returns when it is done; [`Wish::PlayAll`] returns at once.
    async fn perform(&self, wish: Wish) -> Result<(), Unable>;
}
