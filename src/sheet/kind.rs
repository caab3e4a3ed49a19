//! What a file is, by what it holds and never by what it is called.

use crate::sheet::fault::Other;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A workbook of Office Open XML.
    Workbook,
    /// Text, perhaps with a table in it.
    Text,
    /// No table.
    Other(Other),
}

/// How much of a file is looked at.
const HEAD: usize = 8 << 10;

/// How much of the end of an archive holds the names of its files.
const DIRECTORY: usize = 1 << 20;

/// What these bytes are.
pub fn of(bytes: &[u8]) -> Kind {
    let head = &bytes[..bytes.len().min(HEAD)];
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return archive(head, &bytes[bytes.len().saturating_sub(DIRECTORY)..]);
    }
    if head.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
        let locked: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
        return Kind::Other(if holds(bytes, &locked) { Other::Locked } else { Other::OldExcel });
    }
    if head.starts_with(b"%PDF") {
        return Kind::Other(Other::Pdf);
    }
    if head.starts_with(&[0xFF, 0xFE]) || head.starts_with(&[0xFE, 0xFF]) || wide(head).is_some() {
        return Kind::Text;
    }
    let odd = head.iter().filter(|c| matches!(c, 0..=8 | 14..=31 | 127)).count();
    if odd * 100 > head.len() || head.contains(&0) {
        return Kind::Other(Other::Unknown);
    }
    let start = head.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(head).trim_ascii_start();
    if [&b"<?xml"[..], b"<svg", b"{\"", b"{\n", b"[{", b"{\\rtf"].iter().any(|mark| start.starts_with(mark)) {
        return Kind::Other(Other::Markup);
    }
    Kind::Text
}

/// Workbooks name their parts in the directory at the end of the archive, which is not compressed.
fn archive(head: &[u8], tail: &[u8]) -> Kind {
    if holds(tail, b"xl/workbook.bin") {
        return Kind::Other(Other::OldExcel);
    }
    // It names its type first, uncompressed.
    if holds(head, b"application/vnd.oasis.opendocument") {
        return Kind::Other(Other::OpenDocument);
    }
    let book = [&b"xl/workbook.xml"[..], b"xl\\workbook.xml", b"[Content_Types].xml"];
    match book.iter().any(|name| holds(tail, name)) && !holds(tail, b"word/document.xml") {
        true => Kind::Workbook,
        false => Kind::Other(Other::Archive),
    }
}

fn holds(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark)
}

/// UTF-16 without a mark: `Some(true)` is little endian. Every second byte of plain text is then zero.
pub fn wide(bytes: &[u8]) -> Option<bool> {
    let pairs = bytes[..bytes.len().min(HEAD)].chunks_exact(2);
    let total = pairs.len();
    let zeros = |at: usize| pairs.clone().filter(|pair| pair[at] == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    match total > 4 {
        true if odd * 10 > total * 7 && even * 20 < total => Some(true),
        true if even * 10 > total * 7 && odd * 20 < total => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_what_they_hold() {
        let utf16: Vec<u8> = "Popis;MJ;Množství".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let locked: Vec<u8> = [0xD0, 0xCF, 0x11, 0xE0]
            .into_iter()
            .chain("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        let rows: [(&[u8], Kind); 16] = [
            (b"a;b\n1;2\n", Kind::Text),
            (b"", Kind::Text),
            (b"\xEF\xBB\xBFa;b", Kind::Text),
            (b"\xFF\xFEa\0;\0", Kind::Text),
            (&utf16, Kind::Text),
            (b"AC1032\0\0\0\0\0drawing", Kind::Other(Other::Unknown)),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Kind::Other(Other::Unknown)),
            (b"%PDF-1.7 ...", Kind::Other(Other::Pdf)),
            (&[0xD0, 0xCF, 0x11, 0xE0, 0xA1], Kind::Other(Other::OldExcel)),
            (&locked, Kind::Other(Other::Locked)),
            (b"PK\x03\x04....xl/workbook.xml", Kind::Workbook),
            (b"PK\x03\x04....xl/workbook.bin[Content_Types].xml", Kind::Other(Other::OldExcel)),
            (
                b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
                Kind::Other(Other::OpenDocument),
            ),
            (b"PK\x03\x04photo.jpg", Kind::Other(Other::Archive)),
            (b"<?xml version=\"1.0\"?><a/>", Kind::Other(Other::Markup)),
            (b"{\"question\":1}", Kind::Other(Other::Markup)),
        ];
        for (bytes, kind) in rows {
            assert_eq!(of(bytes), kind, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
