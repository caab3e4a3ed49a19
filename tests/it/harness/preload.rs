//! Libraries that are loaded into a server before its own, so that calls of the system fail as a test wants.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::PoisonError;

/// The library of `tests/it/preload/NAME.c`, built once; for `LD_PRELOAD`.
pub fn preload(name: &'static str) -> String {
    static BUILT: Mutex<BTreeMap<&str, String>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let build = || {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("libaskstream_{name}.so"));
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/preload");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-o"]).arg(&library);
        cc.arg(folder.join(name).with_extension("c")).arg("-ldl");
        assert!(cc.status().expect("a C compiler is needed, as for SQLite itself").success());
        library.to_str().unwrap().to_owned()
    };
    built.entry(name).or_insert_with(build).clone()
}
