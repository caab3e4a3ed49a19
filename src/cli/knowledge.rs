//! `askstream knowledge`: own documents, taken in, listed, taken out and searched by hand.
//!
//! It works beside a running server: both open the same file, and each search sees what was written last.

use std::fmt::Write;
use std::path::Path;
use std::path::PathBuf;

use clap::Subcommand;

use super::CommonArgs;
use super::Exit;
use super::refuse;
use super::serve::say;
use crate::config::Process;
use crate::config::Settings;
use crate::event::Passage;
use crate::knowledge::Added;
use crate::knowledge::Folder;
use crate::knowledge::Index;
use crate::knowledge::Refused;
use crate::knowledge::Skipped;
use crate::knowledge::Trouble;
use crate::panel::Retrieval;

/// What follows the help.
pub const EXAMPLES: &str = "Examples:\n  \
    askstream knowledge add norms            Markdown and text below norms/; again after a change\n  \
    askstream knowledge search \"pH ground water\"\n  \
    askstream knowledge list\n  \
    askstream knowledge remove norms\n\n\
    A panel with [retrieval] has its questions looked up before its queries start. A running server searches\n\
    what was written last: it need not be restarted or told.\n\n\
    Exit codes: 0 done; 1 nothing found, or it could not be done; 2 wrong usage; 3 done, but texts were left out;\n\
    5 configuration.";

/// Skipped files that are named; of more only the number is told.
const NAMED: usize = 20;
/// Characters of a passage that a search shows.
const SHOWN: usize = 300;

/// What can be done with own documents.
#[derive(Debug, Subcommand)]
pub enum KnowledgeCommand {
    /// Take a folder in, or what changed in it: .md, .markdown, .txt and .text files, links not followed.
    Add {
        /// The folder.
        dir: PathBuf,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Show which folders are in.
    List {
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Take a folder out; its files stay where they are.
    Remove {
        /// The folder, which need not exist any more.
        dir: PathBuf,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Show the passages that a run with this question would get.
    Search {
        /// The question.
        words: String,
        /// Most passages.
        #[arg(long, value_name = "N", default_value_t = Retrieval::TOP, value_parser = top)]
        top: usize,
        #[command(flatten)]
        common: CommonArgs,
    },
}

fn top(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=Retrieval::MOST).contains(number));
    number.ok_or_else(|| format!("a number from 1 to {}", Retrieval::MOST))
}

/// Does it.
pub fn run(command: KnowledgeCommand) -> Exit {
    use KnowledgeCommand as Command;
    let (Command::Add { common, .. }
    | Command::List { common }
    | Command::Remove { common, .. }
    | Command::Search { common, .. }) = &command;
    let settings = match Settings::load(&common.clone().flags(), &Process) {
        Ok(settings) => settings,
        Err(why) => return refuse(&why),
    };
    if let Some(crash) = settings.crash {
        crash.set();
    }
    let index = Index::within(&settings.data_dir);
    match command {
        Command::Add { dir, .. } => add(&index, &dir),
        Command::List { .. } => list(&index),
        Command::Remove { dir, .. } => remove(&index, &dir),
        Command::Search { words, top, .. } => search(&index, &words, top),
    }
}

fn add(index: &Index, dir: &Path) -> Exit {
    let added = match index.add(dir) {
        Ok(added) => added,
        Err(Refused::Folder(why)) => {
            eprintln!("error: cannot index {}: {why}\n  the index is as it was", dir.display());
            return Exit::NoResult;
        }
        Err(Refused::Index(trouble)) => return troubled(index, &trouble),
    };
    say(&told(&added, dir));
    let lost = added.skipped.iter().filter(|skipped| skipped.why.is_loss()).count();
    match lost {
        0 => Exit::Complete,
        n => {
            eprintln!("warning: {} of this folder could not be taken in", counted(n as u64, "text"));
            Exit::Partial
        }
    }
}

/// What came of it, in lines.
fn told(added: &Added, dir: &Path) -> String {
    let Added { files, passages, new, changed, gone, skipped } = added;
    let mut text = format!(
        "{}, {} from {} ({new} new, {changed} changed, {gone} gone, {} as before)",
        counted(*files, "file"),
        counted(*passages, "passage"),
        dir.display(),
        files - new - changed,
    );
    let width = skipped.iter().take(NAMED).map(|skipped| skipped.name.chars().count()).max().unwrap_or(0);
    for Skipped { name, why } in skipped.iter().take(NAMED) {
        // Writing to a text does not fail.
        let _ = write!(text, "\n  skipped  {name:<width$}  {why}");
    }
    if let Some(more @ 1..) = skipped.len().checked_sub(NAMED) {
        let _ = write!(text, "\n  skipped  {more} more");
    }
    text
}

fn list(index: &Index) -> Exit {
    let folders = match index.folders() {
        Ok(folders) => folders,
        Err(Trouble::NoIndex) => Vec::new(),
        Err(trouble) => return troubled(index, &trouble),
    };
    for Folder { path, files, passages, at } in &folders {
        let (files, passages) = (counted(*files, "file"), counted(*passages, "passage"));
        say(&format!("{}  {files}, {passages}, read {at}", path.display()));
    }
    if folders.is_empty() {
        eprintln!("no documents yet\n  add      askstream knowledge add DIR");
    }
    Exit::Complete
}

fn remove(index: &Index, dir: &Path) -> Exit {
    match index.remove(dir) {
        Ok(true) => {
            say(&format!("{} is out of the index; its files are untouched", dir.display()));
            Exit::Complete
        }
        Ok(false) | Err(Trouble::NoIndex) => {
            eprintln!(
                "error: {} is not in the index\n  fix      askstream knowledge list   shows what is",
                dir.display()
            );
            Exit::NoResult
        }
        Err(trouble) => troubled(index, &trouble),
    }
}

fn search(index: &Index, words: &str, top: usize) -> Exit {
    let runtime = match super::runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let found = match runtime.block_on(index.search(words, top)) {
        Ok(found) => found,
        Err(trouble) => return troubled(index, &trouble),
    };
    if found.is_empty() {
        eprintln!("nothing found: none of these words occurs in the documents");
        return Exit::NoResult;
    }
    say(&found.iter().map(shown).collect::<Vec<_>>().join("\n\n"));
    Exit::Complete
}

fn shown(passage: &Passage) -> String {
    let Passage { source, page, headings, score, text } = passage;
    let headings = match headings.is_empty() {
        true => String::new(),
        false => format!("  {}", headings.join(" > ")),
    };
    let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((at, _)) = words.char_indices().nth(SHOWN) {
        words.truncate(at);
        words.push_str(" ...");
    }
    let line = |text: String| text.chars().filter(|c| !c.is_control()).collect::<String>();
    let (place, words) = (line(format!("{source}:{page}{headings}")), line(words));
    format!("{score:>8.3}  {place}\n          {words}")
}

/// Why the index could not be used, and what helps.
fn troubled(index: &Index, trouble: &Trouble) -> Exit {
    let file = index.path().display();
    let fix = match trouble {
        Trouble::NoIndex => "askstream knowledge add DIR".to_owned(),
        Trouble::Damaged | Trouble::OtherVersion => {
            format!("delete {file}, then add the folders again: it holds nothing else")
        }
        Trouble::TooSlow => "try again, or with fewer words".to_owned(),
        Trouble::Failed(_) => format!("see that {file} can be written and the disk has room"),
    };
    eprintln!("error: {trouble}\n  fix      {fix}");
    Exit::NoResult
}

fn counted(count: u64, thing: &str) -> String {
    match count {
        1 => format!("1 {thing}"),
        n => format!("{n} {thing}s"),
    }
}
