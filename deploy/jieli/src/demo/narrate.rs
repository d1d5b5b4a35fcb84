//! Telling: Chinese first, English second; or one JSON document for machines.

use serde_json::{Value, json};

/// A step of the story.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name in the JSON.
    pub key: &'static str,
    /// Chinese.
    pub zh: &'static str,
    /// English.
    pub en: &'static str,
    /// What was measured or made.
    pub facts: Value,
}

/// Collects the steps and, unless machines listen, tells each as it happens.
#[derive(Debug, Default)]
pub struct Narrator {
    quiet: bool,
    steps: Vec<Step>,
}

impl Narrator {
    /// With `quiet`, nothing is told before the end.
    pub fn new(quiet: bool) -> Narrator {
        Narrator { quiet, steps: Vec::new() }
    }

    /// Tells a step.
    pub fn tell(&mut self, step: Step) {
        if !self.quiet {
            println!("{}. {}\n   {}", self.steps.len() + 1, step.zh, step.en);
            if let Some(facts) = step.facts.as_object() {
                for (name, value) in facts.iter().filter(|(_, value)| !value.is_array()) {
                    println!("   · {name}: {value}");
                }
            }
        }
        self.steps.push(step);
    }

    /// Everything as one JSON document.
    pub fn json(&self) -> Value {
        let steps: Vec<Value> = self
            .steps
            .iter()
            .map(|step| json!({ "step": step.key, "zh": step.zh, "en": step.en, "facts": step.facts }))
            .collect();
        let last = |key: &str| {
            self.steps.iter().rfind(|step| step.key == key).map(|step| step.facts.clone())
        };
        let caveat = jieli_proto::words::NOT_PROOF_OF_FREEDOM;
        json!({
            "ok": true,
            "steps": steps,
            "summary": last("logs"),
            "evidence": last("evidence"),
            "caveat": { "zh": caveat.zh, "en": caveat.en },
        })
    }
}
