//! Parts of the dialect on the command line: one endpoint, one transport, as JSON or in a file.

use std::io::{IsTerminal, Read};
use std::path::Path;

use transom_config::{Context, Format, MAX_FILE_SIZE, Part, Purpose, parse_part};

use super::complain;
use super::outcome::Trouble;

/// Reads what an argument says. Everything there is to say about it goes to standard error. Relative paths begin at the
/// file's folder, or where the command runs.
pub(super) fn read<T: Part>(argument: &str, what: &str) -> Result<T, Trouble> {
    let (text, format, name, dir) = if argument.trim_start().starts_with('{') {
        let here = std::env::current_dir()
            .map_err(|error| Trouble::wrong(format!("the working directory is gone: {error}")))?;
        (argument.to_owned(), Format::Json, what.to_owned(), here)
    } else {
        let path = Path::new(argument.strip_prefix('@').unwrap_or(argument));
        let text = read_file(path)
            .map_err(|error| Trouble::wrong(format!("the {what} in '{}': {error}", path.display())))?;
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let dir = absolute.parent().unwrap_or(Path::new("/")).to_owned();
        (text, Format::of(path).unwrap_or(Format::Json), path.display().to_string(), dir)
    };
    let (part, findings) = parse_part(&text, format, &Context::new(&name, &dir, &super::env));
    if !findings.is_empty() {
        let colors = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        complain(findings.render(Purpose::Start, colors).trim_end());
    }
    part.filter(|_| !findings.refuse_start())
        .ok_or_else(|| Trouble::wrong(format!("the {what} cannot be used")))
}

/// The text of a file that somebody names, of the size of a configuration at most.
pub(super) fn read_file(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let most = MAX_FILE_SIZE as u64 + 1;
    let read = std::fs::File::open(path).and_then(|file| file.take(most).read_to_string(&mut text));
    read.map_err(|error| error.to_string())?;
    if text.len() > MAX_FILE_SIZE { Err(format!("larger than {MAX_FILE_SIZE} bytes")) } else { Ok(text) }
}
