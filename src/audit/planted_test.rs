//! Clean bills of 250 rows in three languages, and one defect planted in each.
//!
//! A clean bill gives nothing of medium or above; whatever is planted is
//! found in its row. Geometry and limits are written here once more, from
//! the tables, so that the checks are not held to themselves.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::audit::Finding;
use crate::audit::Project;
use crate::audit::Severity;
use crate::audit::check;

/// How many bills a test goes through; `ASKSTREAM_LONG` asks for all.
fn rounds(few: u64, many: u64) -> u64 {
    if std::env::var_os("ASKSTREAM_LONG").is_some() { many } else { few }
}

/// Numbers by chance that are the same for the same seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// A multiple of `step` between the two.
    fn size(&mut self, low: f64, high: f64, step: f64) -> f64 {
        let steps = ((high - low) / step) as usize + 1;
        let value = low + self.below(steps) as f64 * step;
        (value * 1000.0).round() / 1000.0
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// How a kind of element looks and what it is called in Czech, English and German.
struct Kind {
    names: [&'static str; 3],
    shape: &'static str,
    class: &'static str,
    exposures: &'static str,
    steel: f64,
}

const KINDS: [Kind; 11] = [
    kind(["základových pasů", "strip footings", "Streifenfundamente"], "footing", "C30/37", "XC2, XF1", 80.0),
    kind(["základových patek", "pad foundations", "Einzelfundamente"], "footing", "C30/37", "XC2 XF1", 90.0),
    kind(["základové desky", "raft foundation", "Bodenplatte"], "raft", "C30/37", "XC2+XF1", 110.0),
    kind(["nosných stěn", "walls", "Wände"], "wall", "C30/37", "XC4, XF1", 80.0),
    kind(["opěrných zdí", "retaining walls", "Stützwände"], "wall", "C30/37", "XC4+XF1", 90.0),
    kind(["sloupů", "columns", "Stützen"], "column", "C25/30", "XC1", 160.0),
    kind(["průvlaků", "beams", "Unterzüge"], "beam", "C25/30", "XC1", 140.0),
    kind(["stropních desek", "floor slabs", "Geschossdecken"], "slab", "C25/30", "XC1", 120.0),
    kind(["schodišť", "stairs", "Treppen"], "none", "C25/30", "XC1", 130.0),
    kind(["pilot", "bored piles", "Bohrpfähle"], "pile", "C25/30", "XC2", 60.0),
    kind(["nádrží", "tanks", "Behälter"], "none", "C30/37", "XC4, XF1", 100.0),
];

const fn kind(
    names: [&'static str; 3],
    shape: &'static str,
    class: &'static str,
    exposures: &'static str,
    steel: f64,
) -> Kind {
    Kind { names, shape, class, exposures, steel }
}

/// Concrete, steel, formwork and its removal in the three languages; {} stands for the element.
const WORKS: [[&str; 4]; 3] = [
    ["Beton {} {mark}", "Výztuž {} z oceli B500B", "Zřízení bednění {}", "Odstranění bednění {}"],
    ["Concrete {mark} in {}", "Reinforcement B500B, {}", "Formwork to {}", "Removal of formwork, {}"],
    ["Ortbeton {mark} für {}", "Bewehrung B500B, {}", "Schalung {}", "Schalung {} ausschalen und entfernen"],
];

/// Works of other trades: name, unit, lowest and highest quantity.
const OTHERS: [[(&str, &str, f64, f64); 8]; 3] = [
    [
        ("Hloubení jam v hornině třídy 3", "m3", 20.0, 900.0),
        ("Násyp ze zeminy se zhutněním", "m3", 10.0, 300.0),
        ("Geotextilie 300 g/m2", "m2", 30.0, 700.0),
        ("Obrubník betonový ležatý do lože", "m", 10.0, 200.0),
        ("Revizní šachta DN 1000", "ks", 1.0, 9.0),
        ("Doprava a přesun hmot", "t", 10.0, 400.0),
        ("Zařízení staveniště", "kpl", 1.0, 2.0),
        ("Geodetické práce", "hod", 5.0, 60.0),
    ],
    [
        ("Excavation in soft rock", "m3", 20.0, 900.0),
        ("Backfill, compacted in layers", "m3", 10.0, 300.0),
        ("Geotextile 300 g/m2", "m2", 30.0, 700.0),
        ("Precast concrete kerb stones", "m", 10.0, 200.0),
        ("Inspection chamber", "pcs", 1.0, 9.0),
        ("Haulage of material", "t", 10.0, 400.0),
        ("Site facilities", "set", 1.0, 2.0),
        ("Surveying", "h", 5.0, 60.0),
    ],
    [
        ("Baugrube ausheben", "m3", 20.0, 900.0),
        ("Verfüllen und verdichten", "m3", 10.0, 300.0),
        ("Geotextil 300 g/m2", "m2", 30.0, 700.0),
        ("Bordsteine aus Beton setzen", "lfm", 10.0, 200.0),
        ("Kontrollschacht", "Stck", 1.0, 9.0),
        ("Materialtransport", "to", 10.0, 400.0),
        ("Baustelleneinrichtung", "psch", 1.0, 2.0),
        ("Vermessung", "Std", 5.0, 60.0),
    ],
];

const SEALING: [&str; 3] = ["Hydroizolace", "Waterproofing", "Abdichtung"];
const PIPES: [&str; 3] = ["Potrubí PE", "Pipe PE", "Rohr PE"];
const PIECES: [&str; 3] = ["ks", "pcs", "Stk"];
const LONG: [&str; 3] = ["dl.", "length", "Länge"];

/// A bill and where its parts stand.
#[derive(Clone)]
struct Bill {
    language: usize,
    input: Value,
}

/// Sizes of a part: length, width, height in metres; a pile has its diameter first.
#[derive(Clone, Copy)]
struct Sizes {
    sides: [f64; 3],
    count: f64,
}

impl Sizes {
    fn of(dice: &mut Dice, shape: &str) -> Sizes {
        let count = 1.0 + dice.below(6) as f64;
        let sides = match shape {
            "footing" => [dice.size(2.0, 9.0, 0.1), dice.size(0.8, 1.8, 0.1), dice.size(0.6, 0.9, 0.05)],
            "raft" => [dice.size(10.0, 24.0, 0.5), dice.size(6.0, 9.5, 0.5), dice.size(0.3, 0.6, 0.05)],
            "wall" => [dice.size(6.0, 20.0, 0.5), dice.size(0.2, 0.35, 0.05), dice.size(2.5, 4.0, 0.1)],
            "column" => [dice.size(0.3, 0.4, 0.05), dice.size(0.3, 0.4, 0.05), dice.size(2.8, 4.2, 0.1)],
            "beam" => [dice.size(4.0, 9.0, 0.5), dice.size(0.3, 0.4, 0.05), dice.size(0.4, 0.7, 0.05)],
            "slab" => [dice.size(8.0, 16.0, 0.5), dice.size(5.0, 7.5, 0.5), dice.size(0.18, 0.28, 0.02)],
            "pile" => [dice.size(0.6, 1.2, 0.1), dice.size(6.0, 14.0, 0.5), 0.0],
            _ => [dice.size(3.0, 6.0, 0.1), 1.2, 0.9],
        };
        Sizes { sides, count: if shape == "raft" { 1.0 } else { count } }
    }

    fn volume(&self, shape: &str) -> f64 {
        let [l, w, h] = self.sides;
        self.count * if shape == "pile" { std::f64::consts::PI * l * l / 4.0 * w } else { l * w * h }
    }

    /// Contact area as the tables count it.
    fn formwork(&self, shape: &str) -> Option<f64> {
        let [l, w, h] = self.sides;
        let one = match shape {
            "footing" | "raft" | "column" => 2.0 * (l + w) * h,
            "wall" => 2.0 * l * h + 2.0 * w * h,
            "beam" => l * (w + 2.0 * h),
            "slab" => l * w + 2.0 * (l + w) * h,
            "pile" => return None,
            _ => 20.0,
        };
        Some(one * self.count)
    }

    /// As the name of a row says it.
    fn told(&self, shape: &str, language: usize, in_mm: bool) -> String {
        let [l, w, h] = self.sides;
        let number = |value: f64| match in_mm {
            true => format!("{:.0}", value * 1000.0),
            false => decimal(value, 2, language),
        };
        let unit = if in_mm { "mm" } else { "m" };
        let pieces = match self.count > 1.0 {
            true => format!("{:.0} {} ", self.count, PIECES[language]),
            false => String::new(),
        };
        match shape {
            "pile" => {
                format!("{pieces}Ø {:.0} mm, {} {} m", l * 1000.0, LONG[language], decimal(w, 1, language))
            }
            _ => format!("{pieces}{} x {} x {} {unit}", number(l), number(w), number(h)),
        }
    }
}

fn decimal(value: f64, digits: usize, language: usize) -> String {
    let text = format!("{value:.digits$}");
    if language == 1 { text } else { text.replace('.', ",") }
}

fn cents(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

impl Bill {
    /// A clean bill of 250 rows.
    fn clean(seed: u64) -> Bill {
        let mut dice = Dice(seed);
        let language = dice.below(3);
        let mut bill = Bill { language, input: json!({"positions": []}) };
        let mut object = 0;
        while bill.rows().len() < 250 {
            object += 1;
            let name = format!("SO {object:03}");
            for kind in &KINDS {
                if dice.below(3) > 0 {
                    bill.part(&mut dice, &name, kind);
                }
            }
            for other in OTHERS[language] {
                if dice.below(3) == 0 {
                    let quantity = dice.size(other.2, other.3, 1.0);
                    bill.push(
                        &mut dice,
                        &name,
                        json!({"item_name": other.0, "quantity": quantity, "unit": other.1}),
                    );
                }
            }
            bill.trades(&mut dice, &name);
        }
        bill.rows_mut().truncate(250);
        bill.without_halves();
        bill.specify(&mut dice);
        bill.sum_up();
        bill
    }

    fn rows(&self) -> &Vec<Value> {
        self.input["positions"].as_array().unwrap()
    }

    fn rows_mut(&mut self) -> &mut Vec<Value> {
        self.input["positions"].as_array_mut().unwrap()
    }

    /// The last part may be cut: its rows become something else.
    fn without_halves(&mut self) {
        let last = self.rows()[249]["object"].clone();
        let name = OTHERS[self.language][0].0;
        for (at, row) in self.rows_mut().iter_mut().enumerate().filter(|(_, row)| row["object"] == last) {
            *row = json!({"item_name": format!("{name}, {at}"), "quantity": at + 1, "unit": "m3", "object": last,
                "unit_price": 10, "total_price": (at + 1) * 10});
        }
    }

    fn push(&mut self, dice: &mut Dice, object: &str, mut row: Value) {
        // One price for one article, so that none stands out.
        let name = row["item_name"].as_str().unwrap().split(' ').next().unwrap().to_owned();
        let unit = row["unit"].as_str().unwrap().to_owned();
        let hash =
            name.bytes().chain(unit.bytes()).fold(7u64, |hash, byte| hash * 31 % 9973 + u64::from(byte));
        let price = 50.0 + hash as f64 / 10.0;
        let quantity = row["quantity"].as_f64().unwrap();
        row["object"] = json!(object);
        row["unit_price"] = json!(price);
        row["total_price"] = json!(cents(quantity * price));
        row["code"] = json!(format!("{:09}", 100_000_000 + hash * 1000));
        // Half of the numbers are texts, as the language writes them.
        if dice.below(2) == 0 {
            let digits = if row["unit"] == "t" { 3 } else { 2 };
            row["quantity"] = json!(decimal(quantity, digits, self.language));
        }
        self.rows_mut().push(row);
    }

    fn part(&mut self, dice: &mut Dice, object: &str, kind: &Kind) {
        let sizes = Sizes::of(dice, kind.shape);
        let volume = cents(sizes.volume(kind.shape));
        let steel = volume * kind.steel;
        let element = kind.names[self.language];
        let name = |bill: &Bill, work: usize| WORKS[bill.language][work].replace("{}", element);
        let mark = format!("{} {}", kind.class, kind.exposures);
        let mut concrete = json!({"item_name": name(self, 0).replace("{mark}", &mark), "quantity": volume,
            "unit": *dice.pick(&["m3", "m³", "M3"])});
        let said = dice.below(3);
        if kind.shape != "none" && said == 0 {
            let told = sizes.told(kind.shape, self.language, false);
            concrete["item_name"] = json!(format!("{}, {told}", concrete["item_name"].as_str().unwrap()));
        } else if kind.shape != "none" && kind.shape != "pile" && said == 1 {
            let [length, width, height] = sizes.sides;
            concrete["dimensions_m"] = json!({"length": length, "width": width, "height": height});
            concrete["count"] = json!(sizes.count);
        }
        self.push(dice, object, concrete);
        let (amount, unit) = match dice.below(2) {
            0 => ((steel).round() / 1000.0, "t"),
            _ => (steel.round(), "kg"),
        };
        self.push(dice, object, json!({"item_name": name(self, 1), "quantity": amount, "unit": unit}));
        if let Some(area) = sizes.formwork(kind.shape).map(cents) {
            let unit = *dice.pick(&["m2", "m²"]);
            self.push(dice, object, json!({"item_name": name(self, 2), "quantity": area, "unit": unit}));
            if dice.below(2) == 0 {
                self.push(dice, object, json!({"item_name": name(self, 3), "quantity": area, "unit": unit}));
            }
        }
    }

    fn trades(&mut self, dice: &mut Dice, object: &str) {
        let (length, width) = (dice.size(4.0, 20.0, 0.5), dice.size(3.0, 9.0, 0.5));
        let name = SEALING[self.language];
        let area = cents(length * width);
        let row = json!({"item_name": name, "quantity": area, "unit": "m2", "dimensions_m": {"length": length, "width": width}});
        self.push(dice, object, row);
        let (sdr, wall) = *dice.pick(&[("SDR11", 8.2), ("SDR17", 5.4)]);
        let name = format!("{} {sdr} Ø90x{}", PIPES[self.language], decimal(wall, 1, self.language));
        let quantity = dice.size(10.0, 90.0, 1.0);
        self.push(dice, object, json!({"item_name": name, "quantity": quantity, "unit": "m"}));
    }

    fn specify(&mut self, dice: &mut Dice) {
        let ruleset = *dice.pick(&["en", "cz"]);
        self.input["project_description"] =
            json!(["Výstavba nového areálu", "New production site", "Neubau einer Werkhalle"][self.language]);
        self.input["specifications"] = json!({"ruleset": ruleset, "cover_mm": 50, "w_c_ratio": 0.5, "cement_kg_m3": 320,
            "design_life_years": 50, "standards": ["EN 206+A2", "EN 1992-1-1"], "construction": "new",
            "loads": {"gamma_g": 1.35, "gamma_q": 1.5},
            "groundwater": {"ph": 7.1, "so4_mg_l": 90, "co2_aggressive_mg_l": 4, "nh4_mg_l": 2, "mg_mg_l": 30},
            "drawing_revision_referenced": "B", "drawing_revision_supplied": "B"});
    }

    fn sum_up(&mut self) {
        let sum = cents(self.rows().iter().map(|row| row["total_price"].as_f64().unwrap()).sum());
        let vat = cents(sum * 0.21);
        self.input["totals"] = json!({"sum": sum, "vat_percent": 21, "vat": vat, "total": cents(sum + vat), "direct_costs": sum});
    }

    fn check(&self) -> Vec<Finding> {
        let question = self.input["project_description"].as_str().unwrap();
        check(&Project::read(question, "en", &self.input)).findings
    }

    /// A row by chance that fulfils the condition.
    fn any(&self, dice: &mut Dice, fits: impl Fn(&Value) -> bool) -> usize {
        let fitting: Vec<usize> = (0..self.rows().len()).filter(|at| fits(&self.rows()[*at])).collect();
        *dice.pick(&fitting)
    }

    fn is(&self, row: &Value, work: usize) -> bool {
        let name = row["item_name"].as_str().unwrap();
        let begins = |work: usize| name.starts_with(WORKS[self.language][work].split(' ').next().unwrap());
        let removal = name.contains("Removal") || name.contains("Odstranění") || name.contains("entfernen");
        begins(work) && !removal
    }

    fn spec(&mut self) -> &mut Map<String, Value> {
        self.input["specifications"].as_object_mut().unwrap()
    }

    /// The quantity of a row as a number.
    fn quantity(&self, at: usize) -> f64 {
        match &self.rows()[at]["quantity"] {
            Value::String(text) => text.replace(',', ".").parse().unwrap(),
            number => number.as_f64().unwrap(),
        }
    }

    fn multiply(&mut self, at: usize, by: f64) {
        let quantity = self.quantity(at) * by;
        let row = &mut self.rows_mut()[at];
        let total = cents(quantity * row["unit_price"].as_f64().unwrap());
        row["quantity"] = json!(quantity);
        row["total_price"] = json!(total);
    }
}

/// What was planted: the rule, how grave at least, and the row.
type Planted = (&'static str, Severity, Option<usize>);
/// How a defect gets into a bill.
type Plant = fn(&mut Bill, &mut Dice) -> Planted;

const DEFECTS: [Plant; 36] = [
    |bill, dice| {
        let at = bill.any(dice, |_| true);
        bill.multiply(at, -1.0);
        ("QTY-NEG", Severity::Critical, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |_| true);
        bill.rows_mut()[at]["quantity"] = Value::Null;
        ("QTY-MISSING", Severity::Medium, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |_| true);
        bill.rows_mut()[at]["quantity"] = json!("dle výkresu");
        ("PARSE-NUM", Severity::High, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |_| true);
        bill.rows_mut()[at]["unit"] = json!(*dice.pick(&["MJ", "xyz", "loket"]));
        ("UNIT-UNKNOWN", Severity::Medium, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| bill.is(row, 0));
        bill.rows_mut()[at]["unit"] = json!("m2");
        ("UNIT-CAT", Severity::High, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| bill.is(row, 1));
        bill.rows_mut()[at]["unit"] = json!("m3");
        ("UNIT-CAT", Severity::High, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| bill.is(row, 2));
        bill.rows_mut()[at]["unit"] = json!("m3");
        ("UNIT-CAT", Severity::High, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |_| true);
        let row = bill.rows()[at].clone();
        let other = dice.below(bill.rows().len());
        bill.rows_mut().insert(other, row);
        ("DUP", Severity::High, Some(other))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| row["total_price"].as_f64().unwrap() > 1000.0);
        let total = bill.rows()[at]["total_price"].as_f64().unwrap();
        bill.rows_mut()[at]["total_price"] = json!(total * 1.3);
        ("PRICE-MUL", Severity::High, Some(at))
    },
    |bill, _| {
        let sum = bill.input["totals"]["sum"].as_f64().unwrap();
        bill.input["totals"]["sum"] = json!(sum * 1.05);
        ("COST-SUM", Severity::High, None)
    },
    |bill, _| {
        let vat = bill.input["totals"]["vat"].as_f64().unwrap();
        bill.input["totals"]["vat"] = json!(vat * 1.05);
        ("COST-VAT", Severity::High, None)
    },
    |bill, _| {
        bill.input["totals"]["vat_percent"] = json!(15);
        ("COST-VAT", Severity::High, None)
    },
    |bill, _| {
        let sum = bill.input["totals"]["sum"].as_f64().unwrap();
        bill.input["totals"]["direct_costs"] = json!(sum * 1.1);
        ("COST-BREAK", Severity::High, None)
    },
    |bill, dice| {
        let at = bill.any(dice, |row| bill.is(row, 0) && sized(row));
        bill.multiply(at, 1.25);
        ("GEO-VOL", Severity::High, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| bill.is(row, 0) && sized(row));
        bill.multiply(at, *dice.pick(&[10.0, 100.0, 0.1, 0.01]));
        ("GEO-VOL", Severity::Critical, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| bill.is(row, 0) && sized(row));
        bill.multiply(at, 1.08);
        ("GEO-VOL", Severity::Medium, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| bill.is(row, 2) && formed(bill, row));
        bill.multiply(at, *dice.pick(&[2.0, 0.5, 3.0]));
        ("GEO-FORM", Severity::High, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| bill.is(row, 2) && formed(bill, row));
        bill.multiply(at, 1.4);
        ("GEO-FORM", Severity::Medium, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| bill.is(row, 1));
        bill.multiply(at, *dice.pick(&[10.0, 0.1, 0.01]));
        ("RATIO-REBAR", Severity::Critical, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| bill.is(row, 1));
        bill.multiply(at, 4.0);
        ("RATIO-REBAR", Severity::High, Some(at))
    },
    |bill, dice| {
        // Tonnes where kilograms were meant.
        let at = bill.any(dice, |row| bill.is(row, 1) && row["unit"] == "kg");
        bill.rows_mut()[at]["unit"] = json!("t");
        ("RATIO-REBAR", Severity::Critical, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| bill.is(row, 1));
        bill.rows_mut().remove(at);
        ("REBAR-MISSING", Severity::Medium, Some(at - 1))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| bill.is(row, 2) && shaped(row));
        let concrete = at - 2;
        bill.rows_mut().remove(at);
        ("FORM-MISSING", Severity::Medium, Some(concrete))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| bill.is(row, 0));
        rename(bill, at, |name| name.replace("C30/37", "C12/15").replace("C25/30", "C12/15"));
        ("EXP-STRENGTH", Severity::Critical, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| bill.is(row, 0));
        rename(bill, at, |name| name.replace("C30/37", "C30/35").replace("C25/30", "C25/35"));
        ("CLASS-UNKNOWN", Severity::Medium, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| bill.is(row, 0));
        rename(bill, at, |name| name.replacen("XC", "XC7, XC", 1));
        ("EXP-INVALID", Severity::High, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| bill.is(row, 0));
        rename(bill, at, |name| format!("{name} F150"));
        ("GOST-MARK", Severity::Medium, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| bill.is(row, 0));
        let mut row = bill.rows()[at].clone();
        row["item_name"] =
            json!(row["item_name"].as_str().unwrap().replace("C30/37", "C35/45").replace("C25/30", "C35/45"));
        let other = dice.below(bill.rows().len());
        bill.rows_mut().insert(other, row);
        ("CLASS-CONFLICT", Severity::Medium, Some(other))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| SEALING.contains(&row["item_name"].as_str().unwrap()));
        bill.multiply(at, 1.5);
        ("GEO-AREA", Severity::High, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| row["item_name"].as_str().unwrap().contains("SDR"));
        rename(bill, at, |name| match name.contains("SDR11") {
            true => name.replace("SDR11", "SDR17"),
            false => name.replace("SDR17", "SDR11"),
        });
        ("PIPE-SDR", Severity::High, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| bill.is(row, 0) && row.get("dimensions_m").is_none());
        let bare = ["Beton", "Concrete", "Beton"][bill.language];
        bill.rows_mut()[at]["item_name"] = json!(bare);
        ("SPEC-AMBIG", Severity::Medium, Some(at))
    },
    |bill, dice| {
        let at = bill.any(dice, |row| row.get("dimensions_m").is_some() && bill.is(row, 0));
        let language = bill.language;
        rename(bill, at, |name| {
            format!("{name}, {} x {} x 3 m", decimal(77.5, 1, language), decimal(1.3, 1, language))
        });
        ("DOC-DIM", Severity::High, Some(at))
    },
    |bill, dice| {
        match dice.below(3) {
            0 => bill.spec().insert("w_c_ratio".into(), json!(0.7)),
            1 => bill.spec().insert("w_c_ratio".into(), json!("0,66")),
            _ => bill.spec().insert("w_c_ratio".into(), json!(0.56)),
        };
        ("EXP-WC", Severity::Critical, None)
    },
    |bill, _| {
        bill.spec().insert("cover_mm".into(), json!(20));
        ("COVER", Severity::Critical, None)
    },
    |bill, dice| {
        let (key, value) = *dice.pick(&[("ph", 5.0), ("ph", 6.2), ("ph", 4.2)]);
        bill.input["specifications"]["groundwater"][key] = json!(value);
        ("EXP-XA-PH", Severity::High, None)
    },
    |bill, dice| match dice.below(3) {
        0 => {
            bill.spec().insert("standards".into(), json!(["EN 206", "BS 8110-1"]));
            ("STD-OBSOLETE", Severity::Critical, None)
        }
        1 => {
            bill.input["specifications"]["loads"]["gamma_g"] = json!(1.2);
            ("SAFETY", Severity::Critical, None)
        }
        _ => {
            bill.spec().insert("drawing_revision_supplied".into(), json!("A"));
            ("DOC-REV", Severity::Medium, None)
        }
    },
];

fn rename(bill: &mut Bill, at: usize, new: impl Fn(&str) -> String) {
    let name = new(bill.rows()[at]["item_name"].as_str().unwrap());
    bill.rows_mut()[at]["item_name"] = json!(name);
}

/// Whether a row says its sizes, in fields or in its name.
fn sized(row: &Value) -> bool {
    let name = row["item_name"].as_str().unwrap();
    row.get("dimensions_m").is_some() || name.contains(" x ") || name.contains('Ø')
}

/// Whether the concrete of this formwork says its sizes.
fn formed(bill: &Bill, row: &Value) -> bool {
    let named = |other: &Value| {
        KINDS.iter().any(|kind| {
            let name = kind.names[bill.language];
            let says = |row: &Value| row["item_name"].as_str().unwrap().contains(name);
            says(row) && says(other) && kind.shape != "none"
        })
    };
    let concrete = |other: &&Value| other["object"] == row["object"] && bill.is(other, 0) && named(other);
    bill.rows().iter().find(concrete).is_some_and(sized)
}

/// Whether the table knows how this formwork is counted, and would miss it.
fn shaped(row: &Value) -> bool {
    let name = row["item_name"].as_str().unwrap();
    let of = |kind: &&Kind| kind.names.iter().any(|own| name.contains(own));
    KINDS.iter().find(of).is_some_and(|kind| kind.shape != "none" && kind.shape != "raft")
}

fn grave(findings: &[Finding]) -> Vec<&Finding> {
    findings.iter().filter(|finding| finding.severity <= Severity::Medium).collect()
}

#[test]
fn a_clean_bill_gives_nothing_to_settle() {
    for seed in 0..rounds(30, 1000) {
        let bill = Bill::clean(seed);
        let findings = bill.check();
        let grave = grave(&findings);
        let rows = |finding: &Finding| {
            finding.rows.iter().map(|row| bill.rows()[*row].to_string()).collect::<Vec<_>>()
        };
        let told: Vec<_> = grave.iter().map(|one| (&one.rule, &one.message, rows(one))).collect();
        assert!(told.is_empty(), "seed {seed}: {told:#?}");
    }
}

#[test]
fn every_planted_defect_is_found_in_its_row() {
    let total = rounds(2 * DEFECTS.len() as u64, 1000);
    let mut missed = Vec::new();
    for seed in 0..total {
        let mut bill = Bill::clean(seed);
        let mut dice = Dice(seed ^ 0xdef_ec7);
        let (rule, severity, row) = DEFECTS[seed as usize % DEFECTS.len()](&mut bill, &mut dice);
        let findings = bill.check();
        let found = findings.iter().any(|finding| {
            finding.rule == rule
                && finding.severity <= severity
                && row.is_none_or(|row| finding.rows.contains(&row))
        });
        if !found {
            let row = row.map(|row| bill.rows()[row].to_string());
            missed.push(format!("seed {seed}: {rule} in {row:?}"));
        }
    }
    assert!(missed.is_empty(), "{} of {total} missed:\n{}", missed.len(), missed.join("\n"));
}

/// Rule, severity and what the rows are called; independent of their order.
fn told(bill: &Bill, findings: &[Finding]) -> Vec<(String, Severity, Vec<String>)> {
    let key = |row: &usize| format!("{} {}", bill.rows()[*row]["object"], bill.rows()[*row]["total_price"]);
    let mut list: Vec<_> = findings
        .iter()
        .filter(|finding| finding.severity < Severity::Info)
        .map(|finding| {
            let mut rows: Vec<String> = finding.rows.iter().map(key).collect();
            rows.sort();
            (finding.rule.clone(), finding.severity, rows)
        })
        .collect();
    list.sort();
    list
}

/// A bill with a defect that does not depend on where its row stands.
fn defective(seed: u64) -> Bill {
    let mut bill = Bill::clean(seed);
    DEFECTS[seed as usize % DEFECTS.len()](&mut bill, &mut Dice(seed));
    bill
}

#[test]
fn the_order_of_the_rows_changes_no_finding() {
    for seed in 0..rounds(36, 360) {
        let bill = defective(seed);
        let mut shuffled = bill.clone();
        let mut dice = Dice(seed);
        for at in (1..shuffled.rows().len()).rev() {
            let other = dice.below(at + 1);
            shuffled.rows_mut().swap(at, other);
        }
        assert_eq!(told(&shuffled, &shuffled.check()), told(&bill, &bill.check()), "seed {seed}");
    }
}

#[test]
fn other_units_for_the_same_change_no_finding() {
    for seed in 0..rounds(36, 360) {
        let bill = defective(seed);
        let mut other = bill.clone();
        for at in 0..other.rows().len() {
            let row = &other.rows()[at];
            let by = match row["unit"].as_str().unwrap() {
                "t" if other.is(row, 1) => ("kg", 1000.0),
                "kg" if other.is(row, 1) => ("t", 0.001),
                "m" if row["item_name"].as_str().unwrap().contains("SDR") => ("km", 0.001),
                _ => continue,
            };
            if !row["quantity"].is_number() && row["quantity"].as_str().is_none_or(|text| text.contains('d'))
            {
                continue;
            }
            let quantity = other.quantity(at) * by.1;
            let row = &mut other.rows_mut()[at];
            row["quantity"] = json!(quantity);
            row["unit"] = json!(by.0);
            row["unit_price"] = json!(row["unit_price"].as_f64().unwrap() / by.1);
        }
        // PRICE-OUTLIER compares prices of one unit, of which there are other rows now.
        let without = |list: Vec<(String, Severity, Vec<String>)>| {
            list.into_iter().filter(|(rule, ..)| rule != "PRICE-OUTLIER").collect::<Vec<_>>()
        };
        assert_eq!(without(told(&other, &other.check())), without(told(&bill, &bill.check())), "seed {seed}");
    }
}

#[test]
fn sizes_in_millimetres_are_those_in_metres() {
    let mut dice = Dice(5);
    for kind in KINDS.iter().filter(|kind| !matches!(kind.shape, "none" | "pile")) {
        for (language, works) in WORKS.iter().enumerate() {
            let sizes = Sizes::of(&mut dice, kind.shape);
            let findings = |in_mm: bool, by: f64| {
                let told = sizes.told(kind.shape, language, in_mm);
                let mark = format!("{} {}", kind.class, kind.exposures);
                let name = works[0].replace("{}", kind.names[language]).replace("{mark}", &mark);
                let row = json!({"item_name": format!("{name}, {told}"), "quantity": cents(sizes.volume(kind.shape) * by), "unit": "m3"});
                let project = Project::read("", "en", &json!({ "positions": [row] }));
                let findings = check(&project).findings;
                findings
                    .into_iter()
                    .filter(|one| one.rule == "GEO-VOL")
                    .map(|one| one.severity)
                    .collect::<Vec<_>>()
            };
            for (by, severity) in [(1.0, Severity::Info), (1.3, Severity::High), (10.0, Severity::Critical)] {
                for in_mm in [false, true] {
                    assert_eq!(findings(in_mm, by), [severity], "{} {language} {in_mm} {by}", kind.shape);
                }
            }
        }
    }
}
