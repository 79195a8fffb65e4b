//! What the model expects against what was heard. IDs that the router chooses are names in the model, such as `@s:3`:
//! each name stands for one number and each number for one name.

use std::collections::HashMap;

use serde_json::Value;

#[derive(Default)]
pub(crate) struct Bindings {
    numbers: HashMap<String, u64>,
    names: HashMap<(String, u64), String>,
}

impl Bindings {
    /// Compares what each session is to hear with what it heard.
    pub(crate) fn compare(&mut self, expected: &[Vec<Value>], heard: &[Vec<Value>]) -> Result<(), String> {
        for (at, (expected, heard)) in expected.iter().zip(heard).enumerate() {
            self.compare_one(expected, heard).map_err(|text| format!("session {at}: {text}"))?;
        }
        Ok(())
    }

    fn compare_one(&mut self, expected: &[Value], heard: &[Value]) -> Result<(), String> {
        if expected.len() != heard.len() {
            return Err(format!("{} messages where {} are expected", heard.len(), expected.len()));
        }
        let mut at = 0;
        while at < expected.len() {
            // Events of one publication come in any order.
            let same = |message: &Value| message[0] == 36 && message[2] == expected[at][2];
            let run = expected[at..].iter().take_while(|message| same(message)).count().max(1);
            let mut left: Vec<&Value> = heard[at..at + run].iter().collect();
            for message in &expected[at..at + run] {
                let known = |candidate: &Value| run == 1 || self.is_bound(&message[1], &candidate[1]);
                let Some(found) = left.iter().position(|candidate| known(candidate)) else {
                    return Err(format!("{message} is not there"));
                };
                let found = left.remove(found);
                if !self.matches(message, found) {
                    return Err(format!("{found} where {message} is expected"));
                }
            }
            at += run;
        }
        Ok(())
    }

    fn is_bound(&self, name: &Value, number: &Value) -> bool {
        name.as_str().and_then(|name| self.numbers.get(name)).copied() == number.as_u64()
    }

    fn matches(&mut self, expected: &Value, heard: &Value) -> bool {
        match (expected, heard) {
            (Value::String(name), Value::Number(number)) if name.starts_with('@') => {
                number.as_u64().is_some_and(|number| self.bind(name, number))
            }
            // Any text.
            (Value::String(any), Value::String(_)) if any == "~" => true,
            (Value::Array(expected), Value::Array(heard)) => {
                expected.len() == heard.len() && expected.iter().zip(heard).all(|(e, h)| self.matches(e, h))
            }
            (Value::Object(expected), Value::Object(heard)) => {
                // Others may be there, too.
                let open = expected.contains_key("~");
                let keys = expected.iter().filter(|(key, _)| *key != "~");
                (open || expected.len() == heard.len())
                    && keys
                        .into_iter()
                        .all(|(key, value)| heard.get(key).is_some_and(|h| self.matches(value, h)))
            }
            _ => expected == heard,
        }
    }

    fn bind(&mut self, name: &str, number: u64) -> bool {
        let kind = name.split(':').next().unwrap_or_default().to_owned();
        let known = self.numbers.entry(name.to_owned()).or_insert(number);
        let named = self.names.entry((kind, number)).or_insert_with(|| name.to_owned());
        *known == number && named == name
    }
}
