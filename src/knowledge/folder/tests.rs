use std::os::unix::ffi::OsStrExt;

use super::*;
use crate::knowledge::tests::Temp;

fn names(found: &[Found]) -> Vec<&str> {
    found.iter().map(|found| found.name.as_str()).collect()
}

fn whys(skipped: &[Skipped]) -> Vec<(&str, &Why)> {
    skipped.iter().map(|skipped| (skipped.name.as_str(), &skipped.why)).collect()
}

#[test]
fn text_files_are_found_and_the_rest_is_told() {
    let temp = Temp::new();
    for name in ["b.md", "a.TXT", "deep/er/c.markdown", "scan.pdf", "README", ".git/x.md", ".hidden.md"] {
        temp.write(name, "x");
    }
    let odd = temp.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.md"));
    std::fs::write(odd, "x").unwrap();
    temp.write("bell\x07.md", "x");
    let (found, skipped) = look(temp.path()).unwrap();
    assert_eq!(names(&found), ["a.TXT", "b.md", "deep/er/c.markdown"]);
    let expected = [
        ("README", &Why::OtherKind),
        ("bell\\u{7}.md", &Why::OddName),
        ("caf\u{fffd}.md", &Why::OddName),
        ("scan.pdf", &Why::OtherKind),
    ];
    assert_eq!(whys(&skipped), expected);
}

#[test]
fn links_lead_nowhere() {
    let (temp, outside) = (Temp::new(), Temp::new());
    let secret = outside.write("secret.md", "secret");
    temp.write("a.md", "x");
    std::os::unix::fs::symlink(&secret, temp.path().join("link.md")).unwrap();
    std::os::unix::fs::symlink(outside.path(), temp.path().join("folder")).unwrap();
    std::os::unix::fs::symlink(temp.path(), temp.path().join("round")).unwrap();
    let (found, skipped) = look(temp.path()).unwrap();
    assert_eq!(names(&found), ["a.md"]);
    assert_eq!(whys(&skipped), [("folder", &Why::Link), ("link.md", &Why::Link), ("round", &Why::Link)]);
    // One that becomes a link after it was seen is not read either.
    let late = Found { name: "link.md".into(), path: temp.path().join("link.md"), form: Form::Markdown };
    assert!(matches!(read(&late), Err(Why::Unreadable(_))));
}

#[test]
fn what_is_no_text_is_not_read() {
    let temp = Temp::new();
    let read = |content: &[u8]| {
        let path = temp.path().join("x.md");
        std::fs::write(&path, content).unwrap();
        read(&Found { name: "x.md".into(), path, form: Form::Markdown })
    };
    assert_eq!(read(b"\xef\xbb\xbfa\r\nb\rc"), Ok("a\nb\nc".into()));
    assert_eq!(read(b"a\0b"), Err(Why::Binary));
    assert_eq!(read("v\u{161}e\n".repeat(3).as_bytes()), Ok("vše\n".repeat(3)));
    assert_eq!(read(b"a\nb\nv\x9ae\n"), Err(Why::NotUtf8(3)));
    let large = vec![b'a'; LARGEST_FILE as usize];
    assert!(read(&large).is_ok());
    assert_eq!(read(&[&large[..], b"b"].concat()), Err(Why::TooLarge(LARGEST_FILE + 1)));
    assert!(Why::TooLarge(0).is_loss() && !Why::Link.is_loss());
}

#[test]
fn folders_that_are_none_or_too_much_are_refused() {
    let temp = Temp::new();
    assert!(matches!(look(&temp.path().join("gone")), Err(NoFolder::Unreadable(_))));
    assert!(matches!(look(&temp.write("a.md", "x")), Err(NoFolder::NotAFolder)));
    for n in 0..=MOST_FILES {
        std::fs::File::create(temp.path().join(format!("{n}.md"))).unwrap();
    }
    assert!(matches!(look(temp.path()), Err(NoFolder::TooMuch(_))));
}
