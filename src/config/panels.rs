//! Panels: built in, and from the configuration directory, which wins.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use rust_embed::RustEmbed;

use crate::fault::Fault;
use crate::id::PanelName;
use crate::panel::Panel;

#[derive(RustEmbed)]
#[folder = "panels/"]
struct BuiltIn;

/// Where a panel's files are.
enum Place {
    BuiltIn(String),
    /// A folder with `panel.toml`.
    Folder(PathBuf),
    /// One file, `NAME.toml`; what it names stands beside it.
    File(PathBuf),
}

/// Every panel that can be read; the faults of the others.
pub fn load(directory: Option<&Path>, faults: &mut Vec<Fault>) -> Vec<Panel> {
    let mut places = built_in();
    if let Some(directory) = directory {
        places.extend(in_directory(directory));
    }
    let mut panels = Vec::new();
    for (name, place) in places {
        match name.parse::<PanelName>() {
            Ok(name) => match parse(name, &place) {
                Ok(panel) => panels.push(panel),
                Err(found) => faults.extend(found),
            },
            Err(why) => faults.push(Fault::of_file(place.shown(), why.to_string())),
        }
    }
    panels
}

/// Reads one panel from a path: a folder with `panel.toml`, or a file.
///
/// # Errors
/// Every fault of its files.
pub fn read(path: &Path) -> Result<Panel, Vec<Fault>> {
    let folder = match path.file_name().is_some_and(|name| name == "panel.toml") {
        true => path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")),
        false => path,
    };
    let place =
        if folder.is_dir() { Place::Folder(folder.to_path_buf()) } else { Place::File(path.to_path_buf()) };
    let absolute = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let name = absolute.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.parse().map_err(|why| vec![Fault::of_file(place.shown(), format!("{why}"))])?;
    parse(name, &place)
}

fn parse(name: PanelName, place: &Place) -> Result<Panel, Vec<Fault>> {
    let folder = place.shown();
    let within = |fault: Fault| match place {
        Place::File(path) if fault.file == "panel.toml" => {
            Fault { file: path.display().to_string(), ..fault }
        }
        _ => fault.within(&folder),
    };
    Panel::parse(name, &|file| place.file(file)).map_err(|faults| faults.into_iter().map(within).collect())
}

impl Place {
    fn file(&self, path: &str) -> Option<Vec<u8>> {
        match self {
            Place::BuiltIn(name) => {
                BuiltIn::get(&format!("{name}/{path}")).map(|file| file.data.into_owned())
            }
            Place::Folder(folder) => std::fs::read(folder.join(path)).ok(),
            Place::File(file) if path == "panel.toml" => std::fs::read(file).ok(),
            Place::File(file) => std::fs::read(file.parent()?.join(path)).ok(),
        }
    }

    /// The folder as people know it.
    fn shown(&self) -> String {
        match self {
            Place::BuiltIn(name) => format!("panels/{name}"),
            Place::Folder(folder) => folder.display().to_string(),
            Place::File(file) => file.parent().map(|parent| parent.display().to_string()).unwrap_or_default(),
        }
    }
}

fn built_in() -> BTreeMap<String, Place> {
    let names = BuiltIn::iter().filter_map(|file| Some(file.strip_suffix("/panel.toml")?.to_owned()));
    names.map(|name| (name.clone(), Place::BuiltIn(name))).collect()
}

fn in_directory(directory: &Path) -> BTreeMap<String, Place> {
    let mut found = BTreeMap::new();
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        if path.join("panel.toml").is_file() {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            found.insert(name, Place::Folder(path));
        } else if path.is_file() && path.extension().is_some_and(|extension| extension == "toml") {
            found.insert(stem, Place::File(path));
        }
    }
    found
}
