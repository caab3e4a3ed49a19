//! Where the table begins and what its columns hold.
//!
//! The row that heads the columns is the one whose cells read most like
//! names of columns, over cells of the kinds that they announce. What no
//! heading tells is guessed from the cells themselves, with less confidence.

use std::collections::BTreeMap;

use crate::sheet::fault::Unread;
use crate::sheet::grid::Cell;
use crate::sheet::grid::Grid;
use crate::sheet::grid::Line;
use crate::sheet::grid::column_of;
use crate::sheet::grid::letters;
use crate::sheet::hints::Hints;
use crate::sheet::infer;
use crate::sheet::words::Role;
use crate::sheet::words::fold;
use crate::sheet::words::role_of;

/// Rows among which a heading is looked for.
const SEARCHED: usize = 60;
/// Rows below a heading that must hold what it announces.
const FOLLOWING: usize = 30;
/// Longest text that heads a column.
const LONGEST: usize = 80;
/// How much two lines must say more than one to be a heading together.
const WORTH_TWO_LINES: f64 = 0.3;

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its heading, else its letters.
    pub name: String,
    /// What it holds.
    pub role: Option<Role>,
    /// From 0 to 1.
    pub confidence: f64,
}

/// A table found in a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// First and last row of the headings; nothing heads the columns of a bare list.
    pub header: Option<(usize, usize)>,
    /// How sure that is, from 0 to 1.
    pub confidence: f64,
    /// All columns of the grid.
    pub columns: Vec<Column>,
}

impl Layout {
    /// The column of a role.
    pub fn column(&self, role: Role) -> Option<usize> {
        self.columns.iter().position(|column| column.role == Some(role))
    }

    /// How much the grid looks like a bill, to choose among sheets.
    pub fn likeness(&self) -> f64 {
        let wanted = [Role::Description, Role::Quantity, Role::Unit];
        let found = wanted.iter().filter_map(|role| self.column(*role)).map(|at| self.columns[at].confidence);
        self.confidence + found.sum::<f64>()
    }

    /// Finds the table.
    ///
    /// # Errors
    /// A row or column of the hints that is not there.
    pub fn find(grid: &Grid, hints: &Hints) -> Result<Layout, Unread> {
        let heading = match hints.header_row {
            Some(0) => None,
            Some(number) => Some(said(grid, hints, number)?),
            None => best(grid, hints).or_else(|| plain(grid, hints)),
        };
        let mut columns: Vec<Column> =
            (0..grid.columns).map(|at| Column { name: letters(at), role: None, confidence: 0.0 }).collect();
        let mut layout = match heading {
            None => Layout {
                header: None,
                confidence: if hints.header_row == Some(0) { 1.0 } else { 0.5 },
                columns,
            },
            Some(heading) => {
                let confidence = if hints.header_row.is_some() { 1.0 } else { heading.confidence() };
                for (at, name) in &heading.names {
                    columns[*at].name.clone_from(name);
                }
                for (role, (at, sure)) in &heading.roles {
                    (columns[*at].role, columns[*at].confidence) = (Some(*role), *sure);
                }
                for at in &heading.others {
                    (columns[*at].role, columns[*at].confidence) = (Some(Role::Other), 0.8);
                }
                Layout { header: Some(heading.rows), confidence, columns }
            }
        };
        layout.obey(hints)?;
        infer::complete(&mut layout, grid, hints);
        Ok(layout)
    }

    /// Gives columns the roles that somebody said they have.
    fn obey(&mut self, hints: &Hints) -> Result<(), Unread> {
        for (role, name) in &hints.columns {
            for column in self.columns.iter_mut().filter(|column| column.role == Some(*role)) {
                (column.role, column.confidence) = (Some(Role::Other), 1.0);
            }
            if name == "-" {
                continue;
            }
            let at = self.named(name).ok_or_else(|| {
                let known = self.columns.iter().map(|column| column.name.clone()).collect();
                Unread::NoColumn(name.clone(), known)
            })?;
            (self.columns[at].role, self.columns[at].confidence) = (Some(*role), 1.0);
        }
        Ok(())
    }

    /// A column by its heading, its letters or its number from 1.
    fn named(&self, name: &str) -> Option<usize> {
        let folded = fold(name);
        let by_heading =
            self.columns.iter().position(|column| !folded.is_empty() && fold(&column.name) == folded);
        let by_letters = || column_of(name).filter(|at| *at < self.columns.len());
        let by_number = || name.parse::<usize>().ok()?.checked_sub(1).filter(|at| *at < self.columns.len());
        by_heading.or_else(by_letters).or_else(by_number)
    }
}

/// A row, or two, that may head the columns.
#[derive(Debug)]
struct Heading {
    rows: (usize, usize),
    names: BTreeMap<usize, String>,
    roles: BTreeMap<Role, (usize, f64)>,
    others: Vec<usize>,
}

impl Heading {
    fn of(rows: (usize, usize), names: BTreeMap<usize, String>) -> Heading {
        let mut roles: BTreeMap<Role, (usize, f64)> = BTreeMap::new();
        let mut others = Vec::new();
        for (at, name) in &names {
            match role_of(name) {
                Some((Role::Other, _)) => others.push(*at),
                Some((role, sure)) => match roles.get(&role) {
                    // The first of equals: what follows is a second price, a second total.
                    Some((_, before)) if *before >= sure => {}
                    _ => {
                        // "Item" beside "Description" numbers the rows.
                        let displaced = roles.insert(role, (*at, sure)).filter(|_| role == Role::Description);
                        if let Some((first, _)) = displaced {
                            roles.entry(Role::No).or_insert((first, 0.6));
                        }
                    }
                },
                None => {}
            }
        }
        Heading { rows, names, roles, others }
    }

    fn worth(&self) -> f64 {
        self.roles.values().map(|(_, sure)| sure).sum()
    }

    /// Whether it can head a bill at all.
    fn is_one(&self) -> bool {
        let names = |role: Role| self.roles.contains_key(&role);
        self.roles.len() >= 2
            && (names(Role::Quantity)
                || (names(Role::Description)
                    && (names(Role::Unit) || names(Role::UnitPrice) || names(Role::TotalPrice))))
    }

    fn confidence(&self) -> f64 {
        let known = (self.roles.len() + self.others.len()) as f64 / self.names.len().max(1) as f64;
        (0.3 + 0.7 * known.min(1.0) * (self.worth() / self.roles.len().max(1) as f64)).clamp(0.0, 1.0)
    }
}

/// The heading that somebody said is in this row.
fn said(grid: &Grid, hints: &Hints, number: usize) -> Result<Heading, Unread> {
    let last = grid.lines.last().map_or(0, |line| line.number);
    let at = grid.lines.iter().position(|line| line.number == number && !line.is_blank());
    let at = at.ok_or(Unread::NoRow(number, last))?;
    Ok(of_rows(grid, hints, at))
}

/// The heading that reads most like one and stands over what it announces.
fn best(grid: &Grid, hints: &Hints) -> Option<Heading> {
    let is_shown = |line: &Line| !line.is_blank() && (hints.hidden || !line.hidden);
    let rows = (0..grid.lines.len()).filter(|at| is_shown(&grid.lines[*at])).take(SEARCHED);
    let mut best: Option<(f64, Heading)> = None;
    for at in rows {
        let heading = of_rows(grid, hints, at);
        if !heading.is_one() {
            continue;
        }
        let worth = heading.worth() + typed(grid, &heading, at);
        if best.as_ref().is_none_or(|(most, _)| worth > *most) {
            best = Some((worth, heading));
        }
    }
    best.map(|(_, heading)| heading)
}

/// A row of words alone, over most of the columns, right above numbers: a heading in words that nobody knows.
fn plain(grid: &Grid, hints: &Hints) -> Option<Heading> {
    let is_shown = |line: &Line| !line.is_blank() && (hints.hidden || !line.hidden);
    let rows: Vec<usize> =
        (0..grid.lines.len()).filter(|at| is_shown(&grid.lines[*at])).take(SEARCHED).collect();
    let heads = |pair: &&[usize]| {
        let words = names(grid, hints, &grid.lines[pair[0]]).len();
        words > 1
            && words * 2 > grid.columns
            && !grid.lines[pair[0]].cells.iter().any(infer::is_number)
            && grid.lines[pair[1]].cells.iter().any(infer::is_number)
    };
    rows.windows(2).find(heads).map(|pair| of_rows(grid, hints, pair[0]))
}

/// How many columns of numbers really hold some below the heading.
fn typed(grid: &Grid, heading: &Heading, at: usize) -> f64 {
    let below = grid.lines[at + 1..].iter().filter(|line| line.number > heading.rows.1).take(FOLLOWING);
    let numbers = heading.roles.iter().filter(|(role, _)| role.is_number());
    numbers.filter(|(_, (column, _))| below.clone().any(|line| infer::is_number(line.cell(*column)))).count()
        as f64
}

/// One row as a heading, or with the next one where both together say more.
fn of_rows(grid: &Grid, hints: &Hints, at: usize) -> Heading {
    let upper = &grid.lines[at];
    let one = Heading::of((upper.number, upper.number), names(grid, hints, upper));
    let Some(lower) = grid.lines.get(at + 1).filter(|line| line.number == upper.number + 1) else {
        return one;
    };
    let is_wordy = lower.cells.iter().all(|cell| !infer::is_number(cell)) && !lower.is_blank();
    if !is_wordy {
        return one;
    }
    let below = names(grid, hints, lower);
    let above = spread(grid, upper, names(grid, hints, upper), &below);
    let mut joined = above.clone();
    for (column, name) in below {
        joined.entry(column).and_modify(|above| *above = format!("{above} {name}")).or_insert(name);
    }
    let two = Heading::of((upper.number, lower.number), joined);
    if two.worth() > one.worth() + WORTH_TWO_LINES { two } else { one }
}

/// The cells of a row that may name columns.
fn names(grid: &Grid, hints: &Hints, line: &Line) -> BTreeMap<usize, String> {
    let shown = |at: &usize| hints.hidden || !grid.hidden_columns.contains(at);
    let cells = line.cells.iter().enumerate().filter(|(at, _)| shown(at));
    let words =
        cells.filter_map(|(at, cell)| Some((at, cell.as_text().filter(|text| text.len() <= LONGEST)?)));
    words.map(|(at, text)| (at, text.split_whitespace().collect::<Vec<_>>().join(" "))).collect()
}

/// A name over several columns is of each of them: merged, or with nothing beside it over what is named below.
fn spread(
    grid: &Grid,
    upper: &Line,
    names: BTreeMap<usize, String>,
    below: &BTreeMap<usize, String>,
) -> BTreeMap<usize, String> {
    let mut wide = names.clone();
    for (at, name) in &names {
        let merge = grid
            .merges
            .iter()
            .find(|merge| (merge.rows.0..=merge.rows.1).contains(&upper.number) && merge.columns.0 == *at);
        let end = match merge {
            Some(merge) => merge.columns.1,
            None if below.contains_key(at) => {
                let next = names.range(at + 1..).next().map_or(grid.columns, |(next, _)| *next);
                (at + 1..next).take_while(|column| below.contains_key(column)).last().unwrap_or(*at)
            }
            None => *at,
        };
        for column in (at + 1..=end).filter(|column| *column < grid.columns) {
            wide.entry(column).or_insert_with(|| name.clone());
        }
    }
    wide
}

/// Whether a row below the headings is a heading again: the same one, or another table's.
pub fn heads_again(layout: &Layout, line: &Line) -> Option<Again> {
    if line.cells.iter().any(Cell::is_number) {
        return None;
    }
    let found: Vec<(usize, Role)> = line
        .cells
        .iter()
        .enumerate()
        .filter_map(|(at, cell)| Some((at, role_of(cell.as_text()?)?.0)))
        .filter(|(_, role)| *role != Role::Other)
        .collect();
    let same = found.iter().filter(|(at, role)| layout.columns[*at].role == Some(*role)).count();
    let distinct: std::collections::BTreeSet<Role> = found.iter().map(|(_, role)| *role).collect();
    match () {
        () if same >= 3 && same * 2 > found.len() => Some(Again::Same),
        () if distinct.len() >= 3 && distinct.contains(&Role::Quantity) => Some(Again::Other),
        () => None,
    }
}

/// How a row heads the columns again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// As a page does at its top.
    Same,
    /// As another table does.
    Other,
}
