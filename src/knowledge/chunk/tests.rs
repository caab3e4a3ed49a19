use proptest::prelude::*;

use super::*;

/// Headings, lines and text of each passage.
fn cut(text: &str) -> Vec<(String, String, String)> {
    let shown = |chunk: Chunk| {
        let Range { start, end } = chunk.lines;
        (chunk.headings.join(" > "), format!("{start}-{}", end - 1), text[chunk.place].to_owned())
    };
    chunks(text, Form::Markdown).into_iter().map(shown).collect()
}

fn line(headings: &str, lines: &str, text: &str) -> (String, String, String) {
    (headings.into(), lines.into(), text.into())
}

#[test]
fn passages_begin_at_headings_and_know_where_they_stand() {
    let cases = [
        ("", vec![]),
        (" \n\n\t\n", vec![]),
        ("one\n\ntwo", vec![line("", "1-3", "one\n\ntwo")]),
        (
            "# A\n\none\n\n## B\ntwo\n# C\nthree\n",
            vec![
                line("A", "1-3", "# A\n\none"),
                line("A > B", "5-6", "## B\ntwo"),
                line("C", "7-8", "# C\nthree"),
            ],
        ),
        // A heading with nothing under it goes with what follows, or stands alone at the end.
        ("# A\n## B\ntext\n# Z", vec![line("A > B", "1-3", "# A\n## B\ntext"), line("Z", "4-4", "# Z")]),
        ("before\n# A\nx", vec![line("", "1-1", "before"), line("A", "2-3", "# A\nx")]),
        // Underlined headings; a rule below a blank line and a table are none.
        ("A\n===\nx\n\nB\n---\ny", vec![line("A", "1-3", "A\n===\nx"), line("A > B", "5-7", "B\n---\ny")]),
        ("x\n\n---\n\ny\n\n|a|b|\n|-|-|", vec![line("", "1-8", "x\n\n---\n\ny\n\n|a|b|\n|-|-|")]),
        ("a\nb\n---\n", vec![line("", "1-3", "a\nb\n---")]),
        // No headings: in code, without a blank, too deep.
        (
            "```sh\n# a comment\n```\n#tag\n####### x",
            vec![line("", "1-5", "```sh\n# a comment\n```\n#tag\n####### x")],
        ),
        ("## A ##\n### B\nx", vec![line("A > B", "1-3", "## A ##\n### B\nx")]),
        ("### A\nx\n## B\ny", vec![line("A", "1-2", "### A\nx"), line("B", "3-4", "## B\ny")]),
    ];
    for (text, expected) in cases {
        assert_eq!(cut(text), expected, "{text:?}");
    }
}

#[test]
fn plain_text_has_no_headings() {
    assert_eq!(chunks("# not a heading\nx\n\nA\n===\n", Form::Text).len(), 1);
}

#[test]
fn long_sections_overlap_at_paragraphs() {
    let paragraphs: Vec<String> =
        (0..30).map(|n| format!("Paragraph {n}. {}", "word ".repeat(28).trim())).collect();
    let text = format!("# A\n\n{}", paragraphs.join("\n\n"));
    let cut = cut(&text);
    assert!(cut.len() > 3);
    for pair in cut.windows(2) {
        let again = pair[1].2.lines().next().unwrap();
        assert!(again.starts_with("Paragraph ") && pair[0].2.ends_with(again), "{pair:?}");
        assert_eq!(pair[1].0, "A");
    }
}

#[test]
fn a_paragraph_without_end_is_cut_at_sentences_else_at_words_else_anywhere() {
    let sentences = "A short sentence of some words. ".repeat(200);
    assert!(cut(&sentences).iter().all(|(.., text)| text.ends_with('.')));
    let words = "word ".repeat(2000);
    assert!(cut(&words).iter().all(|(.., text)| text.split(' ').all(|word| word == "word")));
    let one = "é".repeat(SIZE * 3 + 5);
    let lengths: Vec<usize> = cut(&one).iter().map(|(.., text)| text.chars().count()).collect();
    assert_eq!(lengths, [SIZE, SIZE, SIZE, 5]);
    let lines = format!("{}\n", "x".repeat(100)).repeat(50);
    assert!(cut(&lines).iter().all(|(.., text)| text.lines().all(|line| line.len() == 100)));
}

/// Texts of all that matters to cutting, also in long runs.
fn texts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[a-zěščřž .!\n#=-]{0,80}",
        "\\PC{0,20}",
        (0..1500usize).prop_map(|n| "w".repeat(n)),
        (0..400usize).prop_map(|n| "slovo ".repeat(n)),
        (0..1500usize).prop_map(|n| " ".repeat(n)),
        (0..40usize).prop_map(|n| "\n".repeat(n)),
        Just("\n# Heading\n".to_owned()),
        Just("\n```\n".to_owned()),
        Just("\u{3000}".to_owned()),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn nothing_is_lost_and_everything_is_bounded(text in texts(), markdown in any::<bool>()) {
        let form = if markdown { Form::Markdown } else { Form::Text };
        let cut = chunks(&text, form);
        let mut end = 0;
        for (at, chunk) in cut.iter().enumerate() {
            let own = &text[chunk.place.clone()];
            prop_assert!(!own.is_empty() && own.trim() == own, "blanks at an end: {:?}", own);
            prop_assert!(own.chars().count() <= SIZE + OVERLAP);
            // What lies between two passages is blank; what both have is short.
            match chunk.place.start.checked_sub(end) {
                Some(_) => prop_assert!(text[end..chunk.place.start].trim().is_empty()),
                None => {
                    prop_assert!(text[chunk.place.start..end].chars().count() <= OVERLAP);
                    prop_assert_eq!(&cut[at - 1].headings, &chunk.headings);
                }
            }
            if let Some(before) = at.checked_sub(1).map(|before| &cut[before]) {
                prop_assert!(before.place.start < chunk.place.start && end < chunk.place.end);
            }
            end = chunk.place.end;
            let count = |to: usize| text[..to].matches('\n').count() + 1;
            prop_assert_eq!(chunk.lines.clone(), count(chunk.place.start)..count(chunk.place.end) + 1);
        }
        prop_assert!(text[end..].trim().is_empty());
    }
}

/// A file of many tiny paragraphs takes no time that grows with its square.
#[test]
fn a_large_file_is_cut_at_once() {
    let text = "a\n\n".repeat(1_000_000);
    let cut = chunks(&text, Form::Text);
    assert!(cut.len() > 2000);
}
