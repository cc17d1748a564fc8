//! Valid requests, and a generator of numbers that spoils them, the same in every run.

pub(crate) mod judge;

/// A request that is valid for one of the models.
pub(crate) struct Seed {
    body: Vec<u8>,
    header: Option<String>,
    /// Whether it is for `/predict`.
    pub(crate) is_predict: bool,
}

/// xorshift64*, by Vigna.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`, which is at least 1.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 33) as usize) % end
    }

    pub(crate) fn choose<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

const JSON: &[&str] = &[
    r#"{"inputs":[{"name":"x","shape":[1,2,2],"datatype":"FP32","data":[1,2.5,-3e0,4]}],"outputs":[{"name":"y"}]}"#,
    r#"{"id":"a","inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[[1,2],[3,4]]},{"name":"k","shape":[2],"datatype":"UINT8","data":[0,255]}],"outputs":[{"name":"y","parameters":{"binary_data":true}}]}"#,
    r#"{"inputs":[{"data":[true,false],"datatype":"BOOL","shape":[2],"name":"x"},{"name":"k","shape":[],"datatype":"INT64","data":[-9223372036854775808]}],"outputs":[{"name":"y"}],"parameters":{"priority":1,"timeout":1000}}"#,
    r#"{"inputs":[{"name":"x","shape":[1,1],"datatype":"BYTES","data":["aGVsbG8="]}],"parameters":{"binary_data_output":true}}"#,
];

const PREDICT: &[&str] = &[
    r#"{"input":[[[1,2],[3,4]]],"outputs":["y"]}"#,
    r#"{"input":[1,2,3,4],"shape":[1,2,2],"outputs":["y"],"model":"m","timeout_ms":10}"#,
    r#"{"inputs":{"x":[[1,2]],"k":{"data":[7],"shape":[1]}},"outputs":["y"]}"#,
    r#"{"image":"data:image/png;base64,aGVsbG8="}"#,
    r#"{"instances":[{"b64":"aGVsbG8="},{"b64":"aGVsbG8"}],"priority":3}"#,
];

const BINARY: &[(&str, &[u8])] = &[
    (
        r#"{"inputs":[{"name":"x","shape":[1,2,2],"datatype":"FP32","parameters":{"binary_data_size":16}}],"parameters":{"binary_data_output":true}}"#,
        &[0; 16],
    ),
    (
        r#"{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}},{"name":"k","shape":[1],"datatype":"UINT8","data":[3]}],"outputs":[{"name":"y"}]}"#,
        &[0x7f; 8],
    ),
    (
        r#"{"inputs":[{"name":"x","shape":[2],"datatype":"FP16","parameters":{"binary_data_size":4}}],"parameters":{"binary_data_output":true}}"#,
        &[0x3c; 4],
    ),
    (
        r#"{"inputs":[{"name":"x","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":11}}],"parameters":{"binary_data_output":true}}"#,
        b"\x03\0\0\0abc\0\0\0\0",
    ),
];

/// Valid requests of every form.
pub(crate) fn seeds() -> Vec<Seed> {
    let json = |is_predict| {
        move |text: &&str| Seed { body: text.as_bytes().to_vec(), header: None, is_predict }
    };
    let binary = BINARY.iter().map(|(json, binary)| Seed {
        body: [json.as_bytes(), binary].concat(),
        header: Some(json.len().to_string()),
        is_predict: false,
    });
    let raw = Seed { body: vec![0; 16], header: Some("0".to_owned()), is_predict: false };
    JSON.iter()
        .map(json(false))
        .chain(PREDICT.iter().map(json(true)))
        .chain(binary)
        .chain([raw])
        .collect()
}

const TOKENS: &[&str] = &[
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "-1",
    "1e400",
    "NaN",
    "0",
    "1.5",
    "\\u",
    "\\",
    "\"\"",
    "[]",
    "{}",
    "18446744073709551616",
    "1152921504606846978",
    "\u{feff}",
    "\"x\"",
    "\"FP16\"",
    "\"BYTES\"",
    "\"binary_data_size\":4,",
    "\"data\":[1],",
    "\"shape\":[1],",
    "[[[[",
    "-",
    "é",
];

const HEADERS: &[&str] = &["0", "1", "-1", "", "x", "99999999999999999999", "16", " 2", "+3"];

/// The seed with up to four faults.
pub(crate) fn mutate(
    seed: &Seed,
    seeds: &[Seed],
    random: &mut Random,
) -> (Vec<u8>, Option<String>) {
    let mut body = seed.body.clone();
    let mut header = seed.header.clone();
    for _ in 0..random.below(5) {
        let at = random.below(body.len() + 1);
        match random.below(9) {
            0 => body.truncate(at),
            1 => drop(body.drain(at..(at + random.below(8)).min(body.len()))),
            2 => insert(&mut body, at, random.choose(TOKENS).as_bytes()),
            3 => insert(&mut body, at, &[random.below(256) as u8]),
            4 if at < body.len() => body[at] = random.below(256) as u8,
            5 if at < body.len() => body[at] ^= 1 << random.below(8),
            6 => {
                let end = (at + random.below(40)).min(body.len());
                let part = body[at..end].to_vec();
                insert(&mut body, random.below(at + 1), &part);
            }
            7 => {
                let other = &random.choose(seeds).body;
                let start = random.below(other.len());
                body.truncate(at);
                body.extend_from_slice(&other[start..]);
            }
            _ => header = spoil(header, random),
        }
    }
    (body, header)
}

fn insert(body: &mut Vec<u8>, at: usize, part: &[u8]) {
    drop(body.splice(at..at, part.iter().copied()));
}

/// Another header, or one that is a little off.
fn spoil(header: Option<String>, random: &mut Random) -> Option<String> {
    match (random.below(3), header) {
        (0, _) => None,
        (1, Some(text)) => {
            let length: usize = text.parse().unwrap_or(0);
            Some((length + random.below(5)).saturating_sub(2).to_string())
        }
        _ => Some((*random.choose(HEADERS)).to_owned()),
    }
}
