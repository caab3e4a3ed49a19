//! Time grows with the rows and not with their square.
//!
//! What counts is what this thread computed, as Linux keeps it: a loaded
//! machine makes everything longer, and the longer thing more so.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::audit::Checked;

/// A bill in which nothing repeats: each object, part, code and class of its own.
fn bill(rows: usize) -> Value {
    let row = |at: usize| {
        let part = at / 3;
        let object = format!("SO {}", part / 2);
        let (name, unit) = match at % 3 {
            0 => (format!("Stěna {part} - beton C30/37 XC4, XF{}", part % 10), "m3"),
            1 => (format!("Stěna {part} - výztuž Ø{}", 8 + part % 30), "t"),
            _ => (format!("Stěna {part} - bednění"), "m2"),
        };
        let quantity = format!("{},{:02}", at % 97 + 1, at % 89);
        json!({"no": at, "item_name": name, "quantity": quantity, "unit": unit, "object": object,
            "code": format!("27{at}"), "unit_price": at % 71 + 3, "total_price": at % 1000})
    };
    let positions: Vec<Value> = (0..rows).map(row).collect();
    json!({"positions": positions, "specifications": {"element": "wall", "cover_mm": {"wall": 30},
        "dimensions_m": {"length": 10, "width": 0.3, "height": 3}, "groundwater": {"ph": 6.0, "so4_mg_l": 300}}})
}

/// For how long this thread has been on a processor.
fn computed() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// The shortest of some runs.
fn time(rows: usize, runs: usize) -> Duration {
    let input = bill(rows);
    let input = input.as_object().unwrap();
    let run = || {
        let begun = computed();
        let checked = Checked::of("Stěny", "cs", input);
        assert_eq!(checked.checks.coverage.positions_checked, rows);
        computed() - begun
    };
    (0..runs).map(|_| run()).min().unwrap()
}

#[test]
fn sixteen_times_the_rows_take_no_square_of_it() {
    // The first call reads the tables.
    let _ = time(10, 1);
    let (few, many) = (time(250, 5), time(4000, 2));
    assert!(many < few * 48, "{few:?} for 250 rows, {many:?} for 4000");
}
