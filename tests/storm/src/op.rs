//! What happens in a simulation: a list of values, drawn from a seed.

use jieli_tests::Random;

/// Cities of a simulation.
pub(crate) const CITIES: usize = 3;

/// What a city's desks, workers and operators do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Announces so many vacancies to every partner.
    Announce { count: u8 },
    /// Enters a person who asks for a home in another city, and sends the question.
    Refer { person: u32, to: usize },
    /// A worker reads one of the unread messages: says yes or no to all of it, or stops it.
    Read { pick: u64, says: Says },
    /// A worker stops everything, with the code of a message that was read before.
    Stop { pick: u64 },
    /// A desk does something to one of the legs: the first thing allowed, from `choice` on.
    Desk { pick: u64, choice: u8 },
    /// Two approvers suspend, resume or terminate one of the agreements.
    Agreement { pick: u64, word: Word },
    /// A key is added for signing (0), the log (1) or TLS (2), signed by the root.
    Rotate { which: u8 },
}

/// What a worker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    Yes,
    No,
    Stop,
}

/// What is said about an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Suspend,
    Resume,
    Terminate,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// At a city's desk.
    At(usize, Act),
    /// So much simulated time passes.
    Wait { ms: u32 },
    /// The clocks of all cities move on.
    Later { minutes: u32 },
    /// The clock of one city goes wrong by so much.
    Skew { city: usize, seconds: i32 },
    /// Whoever calls does not get through to the other, though the other gets through to it.
    CutOneWay { from: usize, to: usize },
    /// Nothing passes between two cities.
    Cut { a: usize, b: usize },
    /// Everything passes again between two cities.
    Mend { a: usize, b: usize },
    /// Percent of a city's deliveries that come twice, come in disorder, or stay unanswered.
    Rough { city: usize, twice: u8, disorder: u8, unanswered: u8 },
    /// Longest time a packet takes.
    Slow { ms: u32 },
    /// A city's process dies when its writer has come to a step so many times.
    Arm { city: usize, step: u8, times: u8 },
    /// A city's process is killed now.
    Kill { city: usize },
    /// A city's process is started, if it is down.
    Start { city: usize },
    /// A copy of a city's database is put aside, while its process is down.
    Copy { city: usize },
    /// The copy takes the place of the database; with everything beside it, or with the files that
    /// tell how far the city had signed left as they are.
    Restore { city: usize, whole: bool },
}

/// The operations of a seed.
pub(crate) fn ops(seed: u64) -> Vec<Op> {
    let mut random = Random::new(seed);
    let count = 30 + random.below(30);
    // Most seeds have no old copies in them, so that nothing may be missing in the end; in the others
    // it is the same one or two cities that go back.
    let cities = CITIES as u64;
    let back: &[u64] = match random.below(6) {
        0 => &[random.below(cities)],
        1 => &[random.below(cities), random.below(cities)],
        _ => &[],
    };
    // Until they are up.
    let mut all = vec![Op::Wait { ms: 100 }];
    for person in 0..3 {
        all.push(refer(&mut random, person));
        all.push(Op::Wait { ms: 400 });
    }
    for number in 0..count {
        let op = draw(&mut random, 3 + number as u32, back);
        all.push(op);
        let ms = if random.below(4) == 0 { random.below(3_000) } else { random.below(400) };
        all.push(Op::Wait { ms: ms as u32 });
    }
    all
}

fn refer(random: &mut Random, person: u32) -> Op {
    let from = random.below(2) as usize;
    // Each city sends to those behind it: the agreements name who holds what.
    let to = from + 1 + random.below((CITIES - 1 - from) as u64) as usize;
    Op::At(from, Act::Refer { person, to })
}

fn draw(random: &mut Random, person: u32, back: &[u64]) -> Op {
    let city = random.below(CITIES as u64) as usize;
    let other = (city + 1 + random.below(CITIES as u64 - 1) as usize) % CITIES;
    if !back.is_empty() && random.below(10) == 0 {
        let city = back[random.below(back.len() as u64) as usize] as usize;
        let whole = random.below(2) == 0;
        return if random.below(2) == 0 { Op::Copy { city } } else { Op::Restore { city, whole } };
    }
    match random.below(100) {
        0..=6 => refer(random, person),
        7..=24 => {
            // The questions are asked by the cities that send.
            let city = if random.below(4) == 0 { city } else { random.below(2) as usize };
            let pick = random.below(64);
            let says = match random.below(10) {
                0 => Says::Stop,
                1 => Says::No,
                _ => Says::Yes,
            };
            Op::At(city, Act::Read { pick, says })
        }
        25..=46 => {
            let choice = if random.below(5) == 0 { random.below(11) as u8 } else { 0 };
            let city = if random.below(3) == 0 { city } else { 1 + random.below(2) as usize };
            Op::At(city, Act::Desk { pick: random.below(64), choice })
        }
        47..=53 => Op::At(city, Act::Announce { count: 1 + random.below(12) as u8 }),
        54..=56 => {
            let words = [Word::Suspend, Word::Resume, Word::Resume, Word::Terminate];
            let word = words[random.below(4) as usize];
            Op::At(city, Act::Agreement { pick: random.below(8), word })
        }
        57..=58 => Op::At(city, Act::Rotate { which: random.below(3) as u8 }),
        59..=65 => Op::Later { minutes: 1 + random.below(40 * 60) as u32 },
        66..=67 => Op::Skew { city, seconds: random.below(240) as i32 - 120 },
        68..=71 => Op::CutOneWay { from: city, to: other },
        72..=74 => Op::Cut { a: city, b: other },
        75..=78 => Op::Mend { a: city, b: other },
        79..=82 => {
            let mut percent = || random.below(60) as u8;
            Op::Rough { city, twice: percent(), disorder: percent(), unanswered: percent() }
        }
        83 => Op::Slow { ms: 5 + random.below(400) as u32 },
        84..=88 => {
            let (step, times) = (random.below(6) as u8, 1 + random.below(4) as u8);
            Op::Arm { city, step, times }
        }
        89..=91 => Op::Kill { city },
        92..=94 => Op::At(random.below(2) as usize, Act::Stop { pick: random.below(64) }),
        _ => Op::Start { city },
    }
}
