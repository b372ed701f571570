//! Recorded cases with one value broken: an error or a result, never a panic.

use plimsoll::kube::case::Case;
use serde_json::{Value, json};

/// Knuth's MMIX generator: small, and the same everywhere.
struct Lcg(u64);

impl Lcg {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n.max(1)
    }
}

/// Follows a random path and puts `odd` at its end.
fn put_somewhere(value: &mut Value, odd: Value, random: &mut Lcg) {
    let stop = random.below(12) == 0;
    match value {
        Value::Object(map) if !map.is_empty() && !stop => {
            let i = random.below(map.len());
            put_somewhere(map.values_mut().nth(i).expect("the index is below the length"), odd, random);
        }
        Value::Array(list) if !list.is_empty() && !stop => {
            let i = random.below(list.len());
            put_somewhere(&mut list[i], odd, random);
        }
        other => *other = odd,
    }
}

#[test]
fn a_case_with_a_broken_value_is_an_error_or_a_result_never_a_panic() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/kube");
    let odd = [
        json!(null),
        json!(-1),
        json!(0),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1e300),
        json!(0.5),
        json!(""),
        json!("-1"),
        json!("9223372036854775807"),
        json!("8Ei"),
        json!("1n"),
        json!("ü/ß:\u{0}"),
        json!("In"),
        json!("*"),
        json!([]),
        json!([null]),
        json!({}),
        json!({"": null}),
        json!(true),
    ];
    let mut random = Lcg(1);
    let (mut errors, mut results) = (0, 0);
    for name in ["mixed-1", "dynamic-1", "preempt-pdb-1", "fit-ratio-1", "images-1", "spread-defaults-1", "extended-1"]
    {
        let file = std::fs::File::open(folder.join(format!("{name}.json.gz"))).unwrap();
        let vector: Value = serde_json::from_reader(flate2::read::GzDecoder::new(file)).unwrap();
        for _ in 0..300 {
            let mut broken = vector["case"].clone();
            for _ in 0..1 + random.below(2) {
                let value = odd[random.below(odd.len())].clone();
                put_somewhere(&mut broken, value, &mut random);
            }
            match Case::read(&broken).and_then(Case::run_explained) {
                Ok(result) => {
                    results += 1;
                    assert!(result.to_json().is_object());
                }
                Err(error) => {
                    errors += 1;
                    assert_eq!(error.exit_code(), 3, "{error}");
                    assert!(!error.to_string().is_empty());
                }
            }
        }
    }
    println!("{errors} errors, {results} results");
    assert!(errors > 300 && results > 300, "{errors} errors, {results} results");
}
