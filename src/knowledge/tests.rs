use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use proptest::prelude::*;

use super::*;
use crate::event::Passage;

/// A directory that is gone with the test.
pub struct Temp(PathBuf);

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Temp {
    pub fn new() -> Temp {
        let nth = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("askstream-knowledge-{}-{nth}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Temp(path.canonicalize().unwrap())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An index and a folder of documents.
struct Case {
    temp: Temp,
    index: Index,
}

impl Case {
    fn new(documents: &[(&str, &str)]) -> Case {
        let temp = Temp::new();
        let index = Index::within(&temp.path().join("data"));
        std::fs::create_dir_all(temp.path().join("docs")).unwrap();
        let case = Case { temp, index };
        documents.iter().for_each(|(name, text)| case.write(name, text));
        case
    }

    fn write(&self, name: &str, text: &str) {
        self.temp.write(&format!("docs/{name}"), text);
    }

    fn docs(&self) -> PathBuf {
        self.temp.path().join("docs")
    }

    /// New, changed, gone, all.
    fn add(&self) -> [u64; 4] {
        let added = self.index.add(&self.docs()).unwrap();
        [added.new, added.changed, added.gone, added.files]
    }

    async fn search(&self, question: &str) -> Vec<Passage> {
        self.index.search(question, 3).await.unwrap()
    }

    async fn sources(&self, question: &str) -> Vec<String> {
        self.search(question).await.into_iter().map(|passage| passage.source).collect()
    }
}

const DOCUMENTS: [(&str, &str); 6] = [
    (
        "exposure.md",
        "# Exposure\n\nGround water with a pH of 5.5 to 6.5 is slightly aggressive: class XA1.\n",
    ),
    ("frost.md", "# Frost\n\nHorizontal faces that are saturated with water belong to class XF3.\n"),
    ("beton.txt", "Základová deska z betonu C30/37 se ošetřuje sedm dní.\n"),
    ("formwork.md", "# Formwork\n\nThe area of the formwork is what touches concrete.\n"),
    ("steel.md", "# Steel\n\nReinforcement of a strip has 50 to 110 kg in a cubic metre of concrete.\n"),
    ("cost.md", "# Costs\n\nPrices hold for the region and the year.\n"),
];

#[tokio::test]
async fn the_planted_document_comes_first_with_its_place() {
    let case = Case::new(&DOCUMENTS);
    assert_eq!(case.add(), [6, 0, 0, 6]);
    let found = case.search("Which class follows from pH 6.2 of the ground water?").await;
    assert_eq!(found[0].source, "docs/exposure.md");
    assert_eq!((found[0].page.as_str(), &found[0].headings[..]), ("1-3", &["Exposure".to_owned()][..]));
    assert!(found[0].text.contains("slightly aggressive"));
    assert!(found.windows(2).all(|pair| pair[0].score >= pair[1].score) && found[0].score > 0.0);
    assert!(case.index.search("class of concrete", 1).await.unwrap().len() == 1);
    assert_eq!(case.sources("zzz").await, [""; 0]);
}

#[tokio::test]
async fn marks_cases_and_endings_do_not_matter() {
    let case = Case::new(&DOCUMENTS);
    case.add();
    for question in
        ["základová", "ZAKLADOVA", "zakladove desky", "za\u{301}kladova\u{301}", "ošetření?", "c30/37"]
    {
        assert_eq!(
            case.sources(question).await.first().map(String::as_str),
            Some("docs/beton.txt"),
            "{question}"
        );
    }
}

#[tokio::test]
async fn adding_again_takes_what_changed_and_drops_what_is_gone() {
    let case = Case::new(&DOCUMENTS);
    case.add();
    assert_eq!(case.add(), [0, 0, 0, 6]);
    case.write("frost.md", "Air entrainment of four percent.");
    case.write("new.md", "Soil with sulphate.");
    std::fs::remove_file(case.docs().join("cost.md")).unwrap();
    assert_eq!(case.add(), [1, 1, 1, 6]);
    assert_eq!(case.sources("saturated").await, [""; 0]);
    assert_eq!(case.sources("entrainment").await, ["docs/frost.md"]);
    assert_eq!(case.sources("prices").await, [""; 0]);
    let [folder] = &case.index.folders().unwrap()[..] else { panic!("one folder") };
    assert_eq!((&folder.path, folder.files, folder.passages), (&case.docs(), 6, 6));
}

#[tokio::test]
async fn a_folder_leaves_and_the_others_stay() {
    let (case, other) = (Case::new(&DOCUMENTS[..1]), Case::new(&DOCUMENTS[1..2]));
    case.add();
    case.index.add(&other.docs()).unwrap();
    assert_eq!(case.sources("class").await.len(), 2);
    // It need not exist any more.
    std::fs::remove_dir_all(case.docs()).unwrap();
    assert_eq!(case.index.remove(&case.docs()), Ok(true));
    assert_eq!(case.index.remove(&case.docs()), Ok(false));
    assert_eq!(case.sources("class").await, ["docs/frost.md"]);
}

#[tokio::test]
async fn a_folder_that_is_gone_leaves_the_index_as_it_was() {
    let case = Case::new(&DOCUMENTS);
    case.add();
    std::fs::rename(case.docs(), case.temp.path().join("elsewhere")).unwrap();
    assert!(matches!(case.index.add(&case.docs()), Err(Refused::Folder(_))));
    assert_eq!(case.sources("prices").await, ["docs/cost.md"]);
}

#[tokio::test]
async fn hostile_questions_are_searched_and_never_syntax() {
    let case = Case::new(&DOCUMENTS);
    case.add();
    for question in [
        "\"",
        "\"\"",
        "*",
        "a*",
        "^class",
        "name: class",
        "NEAR(class water, 5)",
        "class AND NOT water",
        "(",
        "-x",
        "{name headings}: class",
        "class\0water",
        "'; DROP TABLE chunks; --",
        "\u{202e}ssalc",
        "+",
        "class +",
        "\u{0}",
        "ɐ \u{1F600} 中文 ١٢٣ ⅷ ﬁ ß İ",
        "\u{fffe}\u{10ffff}",
        "\u{1d7d8}\u{1e900}\u{16ac0}",
    ] {
        case.search(question).await;
    }
    let long = "class ".repeat(50_000) + &"x".repeat(250_000);
    case.search(&long).await;
    assert_eq!(case.add(), [0, 0, 0, 6]);
}

proptest! {
    #[test]
    fn no_text_breaks_a_search(question in prop_oneof!["\\PC{0,60}", any::<String>(), "[\"*^():{} A-Z+-]{0,40}"]) {
        thread_local! {
            static CASE: Case = Case::new(&DOCUMENTS);
        }
        CASE.with(|case| {
            case.add();
            let searching = case.index.search(&question, 3);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            prop_assert!(runtime.block_on(searching).is_ok());
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn what_is_no_index_is_told_and_not_overwritten() {
    let case = Case::new(&DOCUMENTS);
    assert_eq!(case.index.search("x", 3).await, Err(Trouble::NoIndex));
    assert_eq!(case.index.folders(), Err(Trouble::NoIndex));
    assert_eq!(case.index.remove(&case.docs()), Err(Trouble::NoIndex));
    assert!(!case.index.path().exists());
    let rubbish = "no database ".repeat(1000);
    case.temp.write("data/knowledge.db", &rubbish);
    assert_eq!(case.index.search("x", 3).await, Err(Trouble::Damaged));
    assert!(matches!(case.index.add(&case.docs()), Err(Refused::Index(Trouble::Damaged))));
    assert_eq!(std::fs::read_to_string(case.index.path()).unwrap(), rubbish);
    std::fs::remove_file(case.index.path()).unwrap();
    case.add();
    let connection = rusqlite::Connection::open(case.index.path()).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    assert_eq!(case.index.search("x", 3).await, Err(Trouble::OtherVersion));
    connection.pragma_update(None, "application_id", 99).unwrap();
    assert_eq!(case.index.search("x", 3).await, Err(Trouble::Damaged));
}

#[tokio::test]
async fn a_damaged_page_is_told() {
    let documents: Vec<String> = (0..200).map(|n| format!("{n}.md")).collect();
    let text = "water ".repeat(300);
    let case = Case::new(&documents.iter().map(|name| (name.as_str(), text.as_str())).collect::<Vec<_>>());
    case.add();
    let length = std::fs::metadata(case.index.path()).unwrap().len();
    let mut bytes = std::fs::read(case.index.path()).unwrap();
    // All but the first page, which holds the names of the tables.
    bytes[4096..length as usize].fill(0xa5);
    std::fs::write(case.index.path(), bytes).unwrap();
    assert_eq!(case.index.search("water", 3).await, Err(Trouble::Damaged));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_sees_the_state_before_or_after_and_none_between() {
    let case = Case::new(&[]);
    let name = |n: usize| format!("{n}.md");
    let write = |word: &str| (0..30).for_each(|n| case.write(&name(n), &format!("{word} common")));
    write("first");
    case.add();
    let (index, docs) = (case.index.clone(), case.docs());
    let done = std::sync::Arc::new(AtomicBool::new(false));
    let ended = std::sync::Arc::clone(&done);
    write("second");
    let adding = tokio::task::spawn_blocking(move || {
        let added = index.add(&docs);
        ended.store(true, Ordering::SeqCst);
        added
    });
    loop {
        let was_done = done.load(Ordering::SeqCst);
        let found = case.index.search("common", 20).await.unwrap();
        let first = found.iter().filter(|passage| passage.text.starts_with("first")).count();
        assert!(found.len() == 20 && (first == 0 || first == 20), "{first} of {}", found.len());
        if was_done {
            assert_eq!(first, 0);
            break;
        }
    }
    assert_eq!(adding.await.unwrap().unwrap().changed, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_add_at_once_take_turns() {
    let case = Case::new(&DOCUMENTS);
    let add = || {
        let (index, docs) = (case.index.clone(), case.docs());
        tokio::task::spawn_blocking(move || index.add(&docs).unwrap())
    };
    let all = [add(), add(), add(), add()];
    let mut new = 0;
    for adding in all {
        let added = adding.await.unwrap();
        assert_eq!(added.files, 6);
        new += added.new;
    }
    assert_eq!(new, 6);
    assert_eq!(case.index.folders().unwrap().len(), 1);
}

#[tokio::test]
async fn the_state_tells_what_is_wrong_and_forgets_it_when_it_is_right_again() {
    let case = Case::new(&DOCUMENTS);
    let data = case.temp.path().join("data");
    assert_eq!(Knowledge::new(&data, None).state(), None);
    let knowledge = Knowledge::new(&data, Some(case.docs()));
    assert_eq!(knowledge.state(), Some(State::Reading));
    assert_eq!(knowledge.find("class", 3).await.1.as_deref(), Some("the documents are still being read"));
    knowledge.refresh();
    assert_eq!(knowledge.state(), Some(State::Good));
    let (found, trouble) = knowledge.find("class", 3).await;
    assert_eq!((found.unwrap().len(), trouble), (2, None));

    let away = case.temp.path().join("away");
    std::fs::rename(case.docs(), &away).unwrap();
    knowledge.refresh();
    let (found, trouble) = knowledge.find("class", 3).await;
    assert_eq!(found.unwrap().len(), 2, "the index is as it was");
    let trouble = trouble.unwrap();
    assert!(trouble.starts_with("the documents of [knowledge] dir were not read: "), "{trouble}");
    assert!(!trouble.contains('/'), "no paths: {trouble}");
    assert_eq!(knowledge.state(), Some(State::Failed(trouble)));
    std::fs::rename(away, case.docs()).unwrap();
    knowledge.refresh();
    assert_eq!(knowledge.state(), Some(State::Good));
}
