//! From bytes to text: the mark at the beginning, strict UTF-8, else by the letters.

use encoding_rs::Encoding as Table;
use encoding_rs::ISO_8859_2;
use encoding_rs::UTF_16BE;
use encoding_rs::UTF_16LE;
use encoding_rs::WINDOWS_1250;
use encoding_rs::WINDOWS_1252;

use crate::sheet::kind::wide;

/// How text was written as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// Central Europe on Windows.
    Windows1250,
    /// Western Europe on Windows.
    Windows1252,
    /// Central Europe elsewhere.
    Iso88592,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Encoding; 6] = [
        Encoding::Utf8,
        Encoding::Utf16Le,
        Encoding::Utf16Be,
        Encoding::Windows1250,
        Encoding::Windows1252,
        Encoding::Iso88592,
    ];

    /// Its usual name.
    pub fn as_str(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Utf16Le => "utf-16le",
            Encoding::Utf16Be => "utf-16be",
            Encoding::Windows1250 => "windows-1250",
            Encoding::Windows1252 => "windows-1252",
            Encoding::Iso88592 => "iso-8859-2",
        }
    }

    /// The encoding of this name.
    pub fn named(name: &str) -> Option<Encoding> {
        let name = name.trim().to_ascii_lowercase();
        Encoding::ALL.into_iter().find(|own| own.as_str() == name)
    }

    fn table(self) -> &'static Table {
        match self {
            Encoding::Utf8 => encoding_rs::UTF_8,
            Encoding::Utf16Le => UTF_16LE,
            Encoding::Utf16Be => UTF_16BE,
            Encoding::Windows1250 => WINDOWS_1250,
            Encoding::Windows1252 => WINDOWS_1252,
            Encoding::Iso88592 => ISO_8859_2,
        }
    }
}

/// A text, how it was written, and how sure that is.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The text without its mark.
    pub text: String,
    /// How it was written.
    pub encoding: Encoding,
    /// From 0 to 1.
    pub confidence: f64,
}

/// Decodes a file, as it was said or as it seems.
pub fn decode(bytes: &[u8], said: Option<Encoding>) -> Decoded {
    if let Some(encoding) = said {
        return told(bytes, encoding, 1.0);
    }
    match bytes {
        [0xEF, 0xBB, 0xBF, ..] => return told(bytes, Encoding::Utf8, 1.0),
        [0xFF, 0xFE, ..] => return told(bytes, Encoding::Utf16Le, 1.0),
        [0xFE, 0xFF, ..] => return told(bytes, Encoding::Utf16Be, 1.0),
        _ => {}
    }
    match wide(bytes) {
        Some(true) => return told(bytes, Encoding::Utf16Le, 0.9),
        Some(false) => return told(bytes, Encoding::Utf16Be, 0.9),
        None => {}
    }
    if std::str::from_utf8(bytes).is_ok() {
        return told(bytes, Encoding::Utf8, 1.0);
    }
    let (encoding, confidence) = by_letters(bytes);
    told(bytes, encoding, confidence)
}

fn told(bytes: &[u8], encoding: Encoding, confidence: f64) -> Decoded {
    let (text, _) = encoding.table().decode_with_bom_removal(bytes);
    Decoded { text: text.into_owned(), encoding, confidence }
}

/// How many bytes above 127 are looked at.
const ENOUGH: usize = 4000;
/// What it says for a table of Central Europe that letters stand in words which no German or English word has.
/// It counts once: such letters are the same in both Windows tables, while a unit or a sign is not.
const CZECH: i64 = 3;

/// The table under which the letters above 127 look most like words and units of our three languages.
fn by_letters(bytes: &[u8]) -> (Encoding, f64) {
    let candidates = [Encoding::Windows1250, Encoding::Windows1252, Encoding::Iso88592];
    let scores = candidates.map(|encoding| score(bytes, encoding));
    // The first of equals: bytes that mean the same everywhere decide nothing.
    let best = (0..candidates.len()).rev().max_by_key(|at| scores[*at]).unwrap_or(0);
    let others = (0..candidates.len()).filter(|at| *at != best).map(|at| scores[at]).max().unwrap_or(0);
    let lead = (scores[best] - others) as f64 / (scores[best].abs().max(1)) as f64;
    (candidates[best], (0.5 + lead / 2.0).clamp(0.5, 0.95))
}

fn score(bytes: &[u8], encoding: Encoding) -> i64 {
    let one = |at: usize| match bytes.get(at) {
        None => ' ',
        Some(byte) if *byte < 128 => char::from(*byte),
        Some(byte) => {
            encoding.table().decode_without_bom_handling(&[*byte]).0.chars().next().unwrap_or('\u{fffd}')
        }
    };
    let mut is_czech = false;
    let high = (0..bytes.len()).filter(|at| bytes[*at] > 127).take(ENOUGH);
    let letters: i64 = high
        .map(|at| {
            let before = at.checked_sub(1).map_or(' ', one);
            let place = Place { before, after: one(at + 1), then: one(at + 2) };
            let c = one(at);
            is_czech |=
                place.is_in_word() && matches!(c.to_ascii_lowercase(), 'á' | 'í' | 'ý' | 'ú' | 'š' | 'ž');
            worth(c, &place)
        })
        .sum();
    letters + if is_czech && encoding != Encoding::Windows1252 { CZECH } else { 0 }
}

/// The neighbours of a character.
struct Place {
    before: char,
    after: char,
    then: char,
}

impl Place {
    fn is_in_word(&self) -> bool {
        self.before.is_alphabetic() || self.after.is_alphabetic()
    }

    /// Where "ø" is a diameter: "ø12", "ø 12".
    fn is_before_number(&self) -> bool {
        !self.before.is_alphanumeric()
            && (self.after.is_ascii_digit()
                || (matches!(self.after, ' ' | '\u{a0}') && self.then.is_ascii_digit()))
    }

    /// Where "¾" is a fraction: "1¾", "¾\"", "¾ in".
    fn is_fraction(&self) -> bool {
        !self.is_in_word() && (self.before.is_ascii_digit() || matches!(self.after, '"' | '\'' | ' '))
    }
}

/// What a character says for the table that makes it, at its place.
fn worth(c: char, place: &Place) -> i64 {
    let in_word = place.is_in_word();
    // "m³" at the end of a word is worth much: in the other tables it reads "mł".
    let after_metre = matches!(place.before, 'm' | 'M') && !place.after.is_alphanumeric();
    match c {
        '²' | '³' if after_metre => 12,
        'ł' | '˛' if after_metre => -6,
        'á' | 'č' | 'ď' | 'é' | 'ě' | 'í' | 'ň' | 'ó' | 'ř' | 'š' | 'ť' | 'ú' | 'ů' | 'ý' | 'ž'
            if in_word =>
        {
            3
        }
        'Á' | 'Č' | 'Ď' | 'É' | 'Ě' | 'Í' | 'Ň' | 'Ó' | 'Ř' | 'Š' | 'Ť' | 'Ú' | 'Ů' | 'Ý' | 'Ž'
            if in_word =>
        {
            2
        }
        'ä' | 'ö' | 'ü' | 'ß' | 'Ä' | 'Ö' | 'Ü' | 'ľ' | 'ĺ' | 'ŕ' | 'ô' if in_word => 2,
        '×' | '°' | '§' | '±' | 'µ' | '·' => 1,
        '€' | '–' | '—' | '„' | '“' | '”' | '‚' | '‘' | '’' | '…' | '•' | '\u{a0}' | '«' | '»' => {
            1
        }
        'ø' | 'Ø' if place.is_before_number() => 1,
        '¼' | '½' | '¾' if place.is_fraction() => 1,
        '²' | '³' if !in_word => 1,
        '\u{80}'..='\u{9f}' | '\u{fffd}' => -8,
        c if c.is_alphabetic() => -1,
        _ => -2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, encoding: Encoding) -> Vec<u8> {
        encoding.table().encode(text).0.into_owned()
    }

    #[test]
    fn the_letters_tell_the_table() {
        let czech = "Příprava staveniště; bednění základů zřízení; žlab, štěrk, ťuk – 15 ks";
        let german = "Stützwände aus Beton;m³;Fläche;m²;Größe;Gebäude";
        for (text, encoding) in [
            (czech, Encoding::Windows1250),
            (czech, Encoding::Iso88592),
            (german, Encoding::Windows1252),
            ("Concrete;m³;22.5", Encoding::Windows1252),
            ("Štěrk tříděný – m3", Encoding::Windows1250),
            ("Šířka žlabu", Encoding::Iso88592),
            // A letter that stands alone is a sign in another table: "ø", "Ø", "¾".
            ("Množství\náaá ř,", Encoding::Windows1250),
            ("Množství\nPříčka ř 12", Encoding::Windows1250),
            ("Množství\nblok ř9", Encoding::Windows1250),
            ("Množství\nŘ. 4; díl Č", Encoding::Windows1250),
            ("Množství\nblok ž, ž, ž", Encoding::Iso88592),
            ("Rohr Ø 90 mm;5", Encoding::Windows1252),
            ("Bar ø12 and ø 14;t", Encoding::Windows1252),
            ("Pipe 1¾ inch;m", Encoding::Windows1252),
            // Letters of both tables say less than one unit of one of them.
            ("Základ; zákrytová; základní; kámen; máta; párání; káva; m³", Encoding::Windows1252),
        ] {
            let text = text.replace(if encoding == Encoding::Iso88592 { "–" } else { "\0" }, "-");
            let decoded = decode(&written(&text, encoding), None);
            assert_eq!((decoded.encoding, decoded.text), (encoding, text));
        }
    }

    #[test]
    fn what_may_be_read_in_two_ways_is_no_sure_guess() {
        let sure = |text: &str| decode(&written(text, Encoding::Windows1250), None).confidence;
        assert!(sure("Množství;MJ\nPříčka ř 12") < 0.95);
        assert!(sure("Množství;MJ\nblok ř9") < 0.8);
        assert!(sure("díl ř 9") < 0.8);
        assert!(sure("Příprava staveniště; bednění základů zřízení; žlab, štěrk, ťuk") > 0.8);
    }

    #[test]
    fn marks_and_strict_utf_8_go_first() {
        let wide: Vec<u8> = "\u{feff}Množství".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let bare: Vec<u8> = "Množství;MJ".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (bytes, encoding, text) in [
            ("\u{feff}Množství".as_bytes(), Encoding::Utf8, "Množství"),
            ("Množství".as_bytes(), Encoding::Utf8, "Množství"),
            (&wide, Encoding::Utf16Be, "Množství"),
            (&bare, Encoding::Utf16Le, "Množství;MJ"),
        ] {
            let decoded = decode(bytes, None);
            assert_eq!((decoded.encoding, decoded.text.as_str()), (encoding, text));
        }
        assert_eq!(decode(b"\xB3", Some(Encoding::Windows1252)).text, "³");
    }
}
