//! How long reading and checking bills takes, and how much memory it needs at most.
//!
//! `cargo bench --bench bills`. The goal: 20,000 rows of a workbook read and
//! checked in 2 s and 200 MB. What the checks alone cost is measured by `checks`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::disallowed_methods)]
#![allow(missing_docs)]

use std::hint::black_box;
use std::io::Cursor;
use std::io::Write;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use askstream::audit;
use askstream::audit::Project;
use askstream::sheet::Bill;
use askstream::sheet::Hints;
use askstream::sheet::Source;
use criterion::Criterion;
use serde_json::json;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const LARGE: usize = 20_000;

fn main() {
    let large = workbook(LARGE - 1);
    memory(&large);
    let mut criterion = Criterion::default().configure_from_args();
    let mut slow = criterion.benchmark_group("20,000 rows of a workbook");
    slow.sample_size(10).measurement_time(Duration::from_secs(15));
    slow.bench_function("read", |bench| bench.iter(|| black_box(read(&large))));
    slow.bench_function("read and checked", |bench| bench.iter(|| black_box(checked(&read(&large)))));
    slow.finish();
    let text = lines(LARGE - 1);
    let mut texts = criterion.benchmark_group("20,000 rows of text");
    texts.sample_size(10);
    texts.bench_function("read", |bench| {
        bench.iter(|| {
            Bill::read(Source::File { name: "a.csv", bytes: text.as_bytes() }, &Hints::default()).unwrap()
        })
    });
    texts.finish();
    criterion.final_summary();
}

fn read(bytes: &[u8]) -> Bill {
    Bill::read(Source::File { name: "large.xlsx", bytes }, &Hints::default()).unwrap()
}

fn checked(bill: &Bill) -> usize {
    let project = Project::read("", "cs", &json!({"positions": bill.positions()}));
    audit::check(&project).findings.len()
}

/// The command reads and checks the file in a process of its own, whose peak the kernel keeps.
fn memory(bytes: &[u8]) {
    let path = std::env::temp_dir().join(format!("askstream-large-{}.xlsx", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    let begun = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_askstream"))
        .args(["boq", "check"])
        .arg(&path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        peak = peak.max(resident(child.id()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(1));
    }
    let took = begun.elapsed();
    std::fs::remove_file(&path).unwrap();
    println!(
        "{LARGE} rows, {} kB: read and checked by the command in {took:?}, {} MB at most",
        bytes.len() >> 10,
        peak >> 10
    );
}

/// Most kilobytes that a process has had.
fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Number, code, description, unit, quantity, price and total of a row.
fn row(at: usize) -> (String, &'static str, f64, f64) {
    let kinds = [
        ("Beton základů C30/37 XC2", "m3"),
        ("Výztuž základů z oceli", "t"),
        ("Bednění základů zřízení", "m2"),
        ("Hloubení jam", "m3"),
    ];
    let (name, unit) = kinds[at % kinds.len()];
    (format!("{name}, úsek {at}"), unit, (at % 97) as f64 + 0.5, 100.0 + (at % 13) as f64)
}

fn lines(rows: usize) -> String {
    let mut text = "PČ;Kód;Popis;MJ;Množství;J. cena;Cena celkem\n".to_owned();
    for at in 1..=rows {
        let (name, unit, quantity, price) = row(at);
        let line = format!("{at};27{at:07};{name};{unit};{quantity};{price};{}\n", quantity * price);
        text += &line.replace('.', ",");
    }
    text
}

fn workbook(rows: usize) -> Vec<u8> {
    let text =
        |cell: &str, value: &str| format!("<c r=\"{cell}\" t=\"inlineStr\"><is><t>{value}</t></is></c>");
    let mut sheet = String::from("<worksheet><sheetData><row r=\"1\">");
    let head = ["PČ", "Kód", "Popis", "MJ", "Množství", "J. cena", "Cena celkem"];
    head.iter().zip('A'..).for_each(|(name, column)| sheet += &text(&format!("{column}1"), name));
    sheet += "</row>";
    for at in 1..=rows {
        let (name, unit, quantity, price) = row(at);
        let r = at + 1;
        sheet += &format!("<row r=\"{r}\"><c r=\"A{r}\"><v>{at}</v></c>");
        sheet += &text(&format!("B{r}"), &format!("27{at:07}"));
        sheet += &text(&format!("C{r}"), &name);
        sheet += &text(&format!("D{r}"), unit);
        sheet += &format!(
            "<c r=\"E{r}\"><v>{quantity}</v></c><c r=\"F{r}\"><v>{price}</v></c><c r=\"G{r}\"><f>E{r}*F{r}</f><v>{}</v></c></row>",
            quantity * price
        );
    }
    sheet += "</sheetData></worksheet>";
    let relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut part = |name: &str, data: &str| {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(data.as_bytes()).unwrap();
    };
    part("[Content_Types].xml", "<Types/>");
    part(
        "xl/workbook.xml",
        &format!(
            "<workbook xmlns:r=\"{relation}\"><sheets><sheet name=\"Rozpočet\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
        ),
    );
    part(
        "xl/_rels/workbook.xml.rels",
        &format!(
            "<Relationships><Relationship Id=\"r1\" Type=\"{relation}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
        ),
    );
    part("xl/worksheets/sheet1.xml", &sheet);
    zip.finish().unwrap().into_inner()
}
