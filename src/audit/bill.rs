//! The bill row by row: numbers, units, classes, doubles, prices.
//!
//! PARSE-NUM, PARSE-UNIT, UNIT-UNKNOWN, UNIT-CAT, QTY-NEG, QTY-MISSING, DUP,
//! PRICE-MUL, PRICE-OUTLIER, CLASS-UNKNOWN, CLASS-CONFLICT, SPEC-AMBIG,
//! GOST-MARK, PIPE-SDR.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::audit::Project;
use crate::audit::elements::Work;
use crate::audit::elements::fold;
use crate::audit::elements::mentions;
use crate::audit::finding::Finding;
use crate::audit::finding::Severity;
use crate::audit::finding::percent;
use crate::audit::finding::readable;
use crate::audit::finding::rounded;
use crate::audit::row::Row;
use crate::audit::row::unit_fits;
use crate::audit::ruleset::shared;
use crate::audit::scan::Token;
use crate::audit::scan::scan;
use crate::audit::strength::Named;
use crate::audit::text;
use crate::sheet::Position;
use crate::sheet::number::Reading;
use crate::sheet::text_of;
use crate::sheet::unit::Kind;
use crate::sheet::unit::Unit;

/// An object and an element's id.
type Place<'a> = (Option<&'a str>, &'a str);
/// A code, its unit and its strength class.
type Article<'a> = (&'a str, &'a str, String);

/// Checks every row, then the rows against each other.
pub fn check(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, row) in project.items() {
        let position = &project.positions[index];
        let found = [
            quantity(position, row),
            unit(position, row),
            product(position),
            pipe(position),
            class_unknown(row.strengths.iter()),
            ambiguous(position, row),
            gost(position, row),
        ];
        findings.extend(found.into_iter().flatten().map(|finding| finding.rows(project, &[index])));
    }
    findings.extend(class_unknown(project.spec.strength.iter()));
    findings.extend(gost_specified(project));
    findings.extend(class_conflicts(project));
    findings.extend(doubles(project));
    findings.extend(outliers(project));
    findings
}

fn quantity(position: &Position, row: &Row) -> Option<Finding> {
    let finding = match &position.quantity {
        Reading::Unreadable(text) => {
            let message = match Unit::behind(text, &Unit::read("")) {
                Some(_) => {
                    format!("The quantity `{text}` is in another unit than its row, `{}`.", position.unit.raw)
                }
                None => format!("The quantity `{text}` is no number."),
            };
            Finding::new("PARSE-NUM", Severity::High, message).found(text.as_str())
        }
        Reading::Ambiguous { decimal, grouped } => {
            let message = format!("The quantity may be {} or {}.", readable(*decimal), readable(*grouped));
            Finding::new("PARSE-NUM", Severity::Medium, message)
                .found(vec![rounded(*decimal), rounded(*grouped)])
        }
        Reading::Missing => Finding::new("QTY-MISSING", Severity::Medium, "The row has no quantity."),
        Reading::Number { value, .. } if *value == 0.0 => {
            Finding::new("QTY-MISSING", Severity::Medium, "The quantity is 0.").found(0)
        }
        Reading::Number { value, .. } if *value < 0.0 => negative(*value, row),
        Reading::Number { value, approximate: true } => {
            let message = format!("The quantity {} is said to be approximate.", readable(*value));
            Finding::new("PARSE-NUM", Severity::Info, message).found(rounded(*value))
        }
        Reading::Number { .. } => return None,
    };
    Some(finding)
}

fn negative(value: f64, row: &Row) -> Finding {
    let (severity, why) = match row.is_deduction {
        true => (Severity::Medium, "the name says that it is a deduction: confirm"),
        false => (Severity::Critical, "nothing in the name explains it"),
    };
    let message = format!("The quantity {} is negative, and {why}.", readable(value));
    Finding::new("QTY-NEG", severity, message).found(rounded(value)).expected("> 0")
}

fn unit(position: &Position, row: &Row) -> Option<Finding> {
    let raw = &position.unit.raw;
    let Some(kind) = position.unit.kind else {
        let message = match raw.as_str() {
            "" if position.quantity.value().is_none() => return None,
            "" => "The quantity has no unit.".to_owned(),
            _ if position.unit.is_heading_word() => {
                format!("`{raw}` heads the column of units (měrná jednotka); it is no unit of this row.")
            }
            _ => format!("The unit `{raw}` is not known."),
        };
        return Some(Finding::new("UNIT-UNKNOWN", Severity::Medium, message).found(raw.as_str()));
    };
    let head_words = fold(&position.name);
    let (head, _) = crate::audit::elements::head_and_tail(&head_words);
    let allowed = |work| {
        unit_fits(work, Some(kind), head)
            || matches!(kind, Kind::Pcs | Kind::Set | Kind::Hour | Kind::Percent)
    };
    // So much is made of concrete that only what names its grade or its element is surely cast.
    let is_sure = |work| work != Work::Concrete || !(row.strengths.is_empty() && row.elements.is_empty());
    if let Some(work) = row.work.filter(|work| !allowed(*work) && is_sure(*work)) {
        let (what, expected) = match work {
            Work::Concrete => ("Concrete", "m3"),
            Work::Steel => ("Reinforcement", "t or kg"),
            Work::Formwork => ("Formwork", "m2"),
        };
        let message = format!("{what} is measured in {expected}, not in {}.", kind.as_str());
        return Some(
            Finding::new("UNIT-CAT", Severity::High, message).found(kind.as_str()).expected(expected),
        );
    }
    position.unit.bent.then(|| {
        let message = format!("The unit `{raw}` was read as {}.", kind.as_str());
        Finding::new("PARSE-UNIT", Severity::Info, message).found(raw.as_str()).expected(kind.as_str())
    })
}

/// PRICE-MUL: quantity x unit price = total, but for rounding.
fn product(position: &Position) -> Option<Finding> {
    let (quantity, price) = (position.quantity.value()?, position.unit_price.value()?);
    let total = position.total_price.value()?;
    let expected = quantity * price;
    if !expected.is_finite() {
        return None;
    }
    let off = (total - expected).abs();
    let rounding = (0.005 * quantity.abs()).max(0.005 * price.abs()).max(1.0);
    if off <= rounding {
        return None;
    }
    let share = total / expected - 1.0;
    let severity = if off <= 0.005 * expected.abs() { Severity::Low } else { Severity::High };
    let message = format!(
        "{} x {} = {}, but the total says {} ({}).",
        readable(quantity),
        readable(price),
        readable(expected),
        readable(total),
        if share.is_finite() { percent(share) } else { "of nothing".to_owned() }
    );
    let formula = format!("{} x {} = {}", readable(quantity), readable(price), readable(expected));
    Some(
        Finding::new("PRICE-MUL", severity, message)
            .found(rounded(total))
            .expected(rounded(expected))
            .formula(formula),
    )
}

/// PIPE-SDR: outside diameter / wall must be the ratio that is named.
fn pipe(position: &Position) -> Option<Finding> {
    let tokens = scan(&position.name);
    let sdr = sdr_of(&tokens)?;
    let diameter = after_sign(&tokens, 'ø')
        .or_else(|| after_word(&tokens, &["dn", "od", "d", "da", "de"]))
        .or_else(|| before_wall(&tokens))?;
    let wall =
        after_word(&tokens, &["wall", "tl", "stena", "tloustka", "steny", "wandstarke", "wand", "e", "s"])
            .or_else(|| after_sign(&tokens, 'x'))?;
    let pipe = &shared().pipe;
    let ratio = diameter / wall;
    if (ratio / sdr - 1.0).abs() <= pipe.tolerance {
        return None;
    }
    // Walls of the standards are rounded up to a tenth of a millimetre.
    let right_wall = (diameter / sdr * 10.0 - 1e-9).ceil() / 10.0;
    let right_sdr = pipe.sdr.iter().find(|own| (ratio / **own - 1.0).abs() <= pipe.tolerance);
    let sdr = readable(sdr);
    let wall_text = readable(wall);
    let of_sdr = right_sdr.map(|own| readable(*own));
    let other = of_sdr.as_ref().map(|own| format!(", or SDR{own} for {wall_text} mm")).unwrap_or_default();
    let hint = of_sdr.as_ref().map(|own| format!("; {wall_text} mm is SDR{own}")).unwrap_or_default();
    let message = format!(
        "The wall of a pipe Ø{} SDR{sdr} is {} mm, not {wall_text} mm{hint}.",
        readable(diameter),
        readable(right_wall)
    );
    let finding = Finding::new("PIPE-SDR", Severity::High, message)
        .found(format!("SDR{sdr} with {wall_text} mm"))
        .expected(format!("{} mm for SDR{sdr}{other}", readable(right_wall)))
        .formula(format!("{} / {} = {}", readable(diameter), readable(wall), readable(ratio)));
    Some(finding.source(pipe.source.as_str()))
}

fn sdr_of(tokens: &[Token]) -> Option<f64> {
    tokens.iter().enumerate().find_map(|(at, token)| {
        let Token::Word(word) = token else { return None };
        let digits = word.strip_prefix("sdr")?;
        let whole: Option<f64> = digits.parse().ok();
        match (whole, tokens.get(at + 1), tokens.get(at + 2)) {
            // "SDR13,6" falls into a word and the tenths.
            (Some(whole), Some(Token::Sign('.' | ',')), Some(Token::Number(tenths, _)))
                if whole < 18.0 && *tenths < 10.0 =>
            {
                Some(whole + tenths / 10.0)
            }
            (Some(whole), ..) => Some(whole),
            (None, Some(Token::Number(number, _)), _) if digits.is_empty() => Some(*number),
            _ => None,
        }
    })
}

/// "110 x 6,6": the number before the sign.
fn before_wall(tokens: &[Token]) -> Option<f64> {
    let at = tokens.iter().position(|token| *token == Token::Sign('x'))?;
    let before = tokens[..at].iter().rev().find(|token| !token.is("mm"))?;
    match before {
        Token::Number(value, _) if *value > 0.0 => Some(*value),
        _ => None,
    }
}

fn after_sign(tokens: &[Token], sign: char) -> Option<f64> {
    let at = tokens.iter().position(|token| *token == Token::Sign(sign))?;
    match tokens.get(at + 1) {
        Some(Token::Number(value, _)) if *value > 0.0 => Some(*value),
        _ => None,
    }
}

/// The number right after one of the words, past signs; also glued to it, "DN90".
fn after_word(tokens: &[Token], words: &[&str]) -> Option<f64> {
    tokens.iter().enumerate().find_map(|(at, token)| {
        let Token::Word(word) = token else { return None };
        let glued = words.iter().find_map(|own| word.strip_prefix(own)?.parse::<f64>().ok());
        if glued.is_some() || !words.contains(&word.as_str()) {
            return glued.filter(|value| *value > 0.0);
        }
        let next = (at + 1..tokens.len().min(at + 4)).find(|i| !matches!(tokens[*i], Token::Sign(_)))?;
        match tokens[next] {
            Token::Number(value, _) if value > 0.0 => Some(value),
            _ => None,
        }
    })
}

fn class_unknown<'a>(mut strengths: impl Iterator<Item = &'a Named>) -> Option<Finding> {
    strengths.find_map(|named| {
        let (name, question) = match named {
            Named::Known(_) => return None,
            Named::Unknown(name) => (name, "is no strength class of the list".to_owned()),
            Named::Legacy { name, likely: Some(likely) } => {
                (name, format!("is an old name; is {likely} meant?"))
            }
            Named::Legacy { name, likely: None } => (name, "is an old name".to_owned()),
        };
        let finding = Finding::new("CLASS-UNKNOWN", Severity::Medium, format!("`{name}` {question}."));
        let likely = match named {
            Named::Legacy { likely: Some(likely), .. } => Value::from(likely.as_str()),
            _ => Value::Null,
        };
        Some(finding.found(name.as_str()).expected(likely).source(shared().strength.source.as_str()))
    })
}

/// Only "concrete" or "steel", with nothing that says which.
fn ambiguous(position: &Position, row: &Row) -> Option<Finding> {
    let words = fold(&position.name);
    let bare = match words.as_slice() {
        [word] => {
            mentions(std::slice::from_ref(word), "bare_concrete")
                || mentions(std::slice::from_ref(word), "bare_steel")
        }
        _ => false,
    };
    let silent = row.elements.is_empty() && row.strengths.is_empty() && row.dimensions.is_empty();
    let message = format!("`{}` says neither grade nor size nor element.", position.name);
    (bare && silent && row.other_element.is_none())
        .then(|| Finding::new("SPEC-AMBIG", Severity::Medium, message).found(position.name.as_str()))
}

fn gost(position: &Position, row: &Row) -> Option<Finding> {
    if row.is(Work::Concrete) { gost_marks(&[position.name.as_str()]) } else { None }
}

/// Marks of GOST in the fields of the mix and in the description.
fn gost_specified(project: &Project) -> Option<Finding> {
    const FIELDS: [&str; 3] = ["concrete_class", "frost_resistance", "waterproofing"];
    let of = |key: &str| text_of(project.specifications.get(key));
    let fields: Vec<String> = FIELDS.iter().filter_map(|key| of(key)).collect();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    // "W6" alone may be a window; beside "F150" it is not.
    let frost = |marks: &[String]| marks.iter().any(|mark| mark.starts_with('F'));
    let told = project.has_concrete() && frost(&text::gost_marks(&scan(&project.question)));
    gost_marks(&fields).or_else(|| gost_marks(&[project.question.as_str()]).filter(|_| told))
}

fn gost_marks(texts: &[&str]) -> Option<Finding> {
    let marks: Vec<String> = texts.iter().flat_map(|text| text::gost_marks(&scan(text))).collect();
    let message = format!(
        "{} are marks of GOST, not of EN 206: ask for an XF class or a depth of penetration (EN 12390-8).",
        marks.join(", ")
    );
    (!marks.is_empty()).then(|| Finding::new("GOST-MARK", Severity::Medium, message).found(marks))
}

/// One element of one object with two strength classes.
fn class_conflicts(project: &Project) -> Vec<Finding> {
    let mut seen: BTreeMap<Place<'_>, Vec<(usize, &str)>> = BTreeMap::new();
    for index in project.of(Work::Concrete) {
        let row = &project.rows[index];
        for element in &row.elements {
            let classes = row.strengths.iter().map(|named| (index, named.name()));
            let object = project.positions[index].object.as_deref();
            seen.entry((object, element.id.as_str())).or_default().extend(classes);
        }
    }
    let specified = project.spec.strength.as_ref().zip(project.element());
    let mut findings = Vec::new();
    for ((_, id), classes) in seen {
        let mut names: Vec<&str> = classes.iter().map(|(_, name)| *name).collect();
        if let Some((named, _)) = specified.filter(|(_, element)| element.id == id) {
            names.push(named.name());
        }
        names.sort_unstable();
        names.dedup();
        if names.len() > 1 {
            let element =
                crate::audit::elements::element(id).map(|element| element.name.as_str()).unwrap_or(id);
            let message = format!("The {element} has {} classes: {}.", names.len(), names.join(" and "));
            let rows: Vec<usize> = classes.iter().map(|(index, _)| *index).collect();
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            findings.push(
                Finding::new("CLASS-CONFLICT", Severity::Medium, message).rows(project, &rows).found(names),
            );
        }
    }
    findings
}

/// DUP: the same name, unit, quantity, object, element and code twice.
fn doubles(project: &Project) -> Vec<Finding> {
    let mut seen: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, _) in project.items() {
        let position = &project.positions[index];
        let Some(quantity) = position.quantity.value().filter(|quantity| *quantity != 0.0) else { continue };
        let unit = position.unit.kind.map(Kind::as_str).unwrap_or(position.unit.raw.as_str());
        let text =
            |text: &Option<String>| text.as_deref().map(|text| fold(text).join(" ")).unwrap_or_default();
        let key = [
            fold(&position.name).join(" "),
            unit.to_owned(),
            readable(quantity),
            text(&position.object),
            text(&position.element),
            text(&position.code),
        ];
        seen.entry(key.join("\u{1f}")).or_default().push(index);
    }
    let mut doubles: Vec<Vec<usize>> = seen.into_values().filter(|rows| rows.len() > 1).collect();
    doubles.sort();
    let finding = |rows: Vec<usize>| {
        let message = format!(
            "`{}` stands {} times with the same quantity.",
            project.positions[rows[0]].name,
            rows.len()
        );
        Finding::new("DUP", Severity::High, message).rows(project, &rows).found(rows.len()).expected(1)
    };
    doubles.into_iter().map(finding).collect()
}

/// PRICE-OUTLIER: of three rows or more of one code, unit and class.
fn outliers(project: &Project) -> Vec<Finding> {
    let mut seen: BTreeMap<Article<'_>, Vec<(usize, f64)>> = BTreeMap::new();
    for (index, row) in project.items() {
        let position = &project.positions[index];
        let (Some(code), Some(price), Some(kind)) =
            (&position.code, position.unit_price.value(), position.unit.kind)
        else {
            continue;
        };
        let class = row.strengths.first().map(|named| named.name().to_owned()).unwrap_or_default();
        seen.entry((code, kind.as_str(), class)).or_default().push((index, price));
    }
    let mut findings = Vec::new();
    for ((code, ..), rows) in seen.into_iter().filter(|(_, rows)| rows.len() >= 3) {
        let mut prices: Vec<f64> = rows.iter().map(|(_, price)| *price).collect();
        prices.sort_by(f64::total_cmp);
        let (low, high) = (prices[(prices.len() - 1) / 2], prices[prices.len() / 2]);
        let median = (low + high) / 2.0;
        for (index, price) in
            rows.into_iter().filter(|(_, price)| (price - median).abs() > 0.25 * median.abs())
        {
            let message =
                format!("{} for `{code}` against a median of {}.", readable(price), readable(median));
            let finding = Finding::new("PRICE-OUTLIER", Severity::Low, message).rows(project, &[index]);
            findings.push(finding.found(rounded(price)).expected(rounded(median)));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn findings(rows: Value) -> Vec<(String, Severity)> {
        let project = Project::read("", "en", &json!({ "positions": rows }));
        check(&project).into_iter().map(|finding| (finding.rule, finding.severity)).collect()
    }

    #[test]
    fn faults_of_one_row() {
        let item = |name: &str, quantity: Value, unit: &str| json!([{"item_name": name, "quantity": quantity, "unit": unit}]);
        for (row, rule, severity) in [
            (item("Výkop", json!("-5"), "m3"), "QTY-NEG", Severity::Critical),
            (item("Odpočet výkopu", json!(-5), "m3"), "QTY-NEG", Severity::Medium),
            (item("Výkop", json!(0), "m3"), "QTY-MISSING", Severity::Medium),
            (item("Výkop", json!(null), "m3"), "QTY-MISSING", Severity::Medium),
            (item("Výkop", json!("dle PD"), "m3"), "PARSE-NUM", Severity::High),
            (item("Výkop", json!("1,234"), "m3"), "PARSE-NUM", Severity::Medium),
            (item("Výkop", json!("cca 12"), "m3"), "PARSE-NUM", Severity::Info),
            (item("Výkop", json!(5), "MJ"), "UNIT-UNKNOWN", Severity::Medium),
            (item("Výkop", json!(5), "hrst"), "UNIT-UNKNOWN", Severity::Medium),
            (item("Výkop", json!(5), "m 3"), "PARSE-UNIT", Severity::Info),
            (item("Beton stěn C25/30", json!(5), "m2"), "UNIT-CAT", Severity::High),
            (item("Výztuž stěn", json!(5), "m3"), "UNIT-CAT", Severity::High),
            (item("Bednění betonových stěn", json!(5), "m3"), "UNIT-CAT", Severity::High),
            (item("Beton stěn C30/35", json!(5), "m3"), "CLASS-UNKNOWN", Severity::Medium),
            (item("Beton stěn B25", json!(5), "m3"), "CLASS-UNKNOWN", Severity::Medium),
            (item("Beton", json!(5), "m3"), "SPEC-AMBIG", Severity::Medium),
            (item("Beton stěn C25/30 F150", json!(5), "m3"), "GOST-MARK", Severity::Medium),
            (item("Potrubí PE SDR11 90x5,4", json!(5), "m"), "PIPE-SDR", Severity::High),
        ] {
            let row =
                if rule == "PIPE-SDR" { item("Potrubí PE SDR 11 Ø90x5,4", json!(5), "m") } else { row };
            assert_eq!(findings(row.clone()), [(rule.to_owned(), severity)], "{row}");
        }
        for row in [
            item("Výkop", json!("12,5"), "m³"),
            item("Síť KARI", json!(5), "m2"),
            item("Podkladní beton C12/15", json!(5), "m2"),
            item("Pipe SDR17 Ø90, wall 5.4 mm", json!(5), "m"),
        ] {
            assert_eq!(findings(row.clone()), [], "{row}");
        }
    }

    #[test]
    fn products_may_be_rounded() {
        let row = |total: f64| json!([{"item_name": "x", "quantity": 50, "unit": "m", "unit_price": 2300, "total_price": total}]);
        assert_eq!(findings(row(115_000.0)), []);
        assert_eq!(findings(row(115_011.0)), []);
        assert_eq!(findings(row(115_500.0)), [("PRICE-MUL".to_owned(), Severity::Low)]);
        assert_eq!(findings(row(125_000.0)), [("PRICE-MUL".to_owned(), Severity::High)]);
    }

    #[test]
    fn rows_are_compared() {
        let row = |name: &str, quantity: f64, price: f64| json!({"item_name": name, "quantity": quantity, "unit": "m", "code": "17", "unit_price": price});
        let rules =
            |rows: Vec<Value>| findings(json!(rows)).into_iter().map(|(rule, _)| rule).collect::<Vec<_>>();
        assert_eq!(rules(vec![row("Rýha", 5.0, 10.0), row("rýha ", 5.0, 10.0)]), ["DUP"]);
        assert_eq!(
            rules(vec![row("a", 1.0, 10.0), row("b", 2.0, 10.0), row("c", 3.0, 13.0)]),
            ["PRICE-OUTLIER"]
        );
        let concrete =
            |class: &str| json!({"item_name": format!("Beton stěn {class}"), "quantity": 1, "unit": "m3"});
        assert_eq!(rules(vec![concrete("C25/30"), concrete("C30/37")]), ["CLASS-CONFLICT"]);
    }
}
