//! What the checks without AI cost: 250 rows must take less than 20 ms.
//!
//! `cargo bench --bench checks`

use std::hint::black_box;

use askstream::audit::Checked;
use criterion::BenchmarkId;
use criterion::Criterion;
use criterion::criterion_group;
use criterion::criterion_main;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// A bill of walls: concrete with its sizes, steel, formwork, and a row of another trade.
fn bill(rows: usize) -> Map<String, Value> {
    let row = |at: usize| {
        let object = format!("SO {:04}", at / 40);
        let part = at / 4;
        let (name, quantity, unit) = match at % 4 {
            0 => (format!("Beton stěn C30/37 XC4, XF1, {part} ks 12,5 x 0,3 x 3,2 m"), "12,00", "m3"),
            1 => (format!("Výztuž stěn z oceli B500B, část {part}"), "1,02", "t"),
            2 => (format!("Zřízení bednění stěn, část {part}"), "82,40", "m²"),
            _ => (format!("Hloubení jam v hornině třídy 3, část {part}"), "1 234,50", "m3"),
        };
        json!({"no": at, "item_name": name, "quantity": quantity, "unit": unit, "object": object,
            "code": "272325", "unit_price": 2300, "total_price": 27_600})
    };
    let positions: Vec<Value> = (0..rows).map(row).collect();
    let input = json!({"positions": positions, "specifications": {"ruleset": "cz", "cover_mm": 40,
        "exposure_classes": ["XC4", "XF1"], "groundwater": {"ph": 6.2}}});
    input.as_object().cloned().unwrap_or_default()
}

fn checks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("checks");
    group.sample_size(10);
    for rows in [250, 2500, 20_000] {
        let input = bill(rows);
        group.bench_with_input(BenchmarkId::from_parameter(rows), &input, |bencher, input| {
            bencher.iter(|| Checked::of(black_box("Stěny skladu"), "cs", input));
        });
    }
    group.finish();
}

criterion_group!(benches, checks);
criterion_main!(benches);
