//! `transom version`.

use std::process::ExitCode;

use transom_tor::EmbeddedTor;
use transom_wamp::Serializer;

use super::say;
use crate::{PRODUCT, VERSION};

pub(super) fn run() -> ExitCode {
    let serializers = Serializer::NAMES.join(", ");
    say(&format!(
        " {PRODUCT:<12}: {VERSION}\n {:<12}: 2 ({serializers})\n {:<12}: {}-{}\n {:<12}: {}",
        "WAMP",
        "Platform",
        std::env::consts::OS,
        std::env::consts::ARCH,
        "Tor inside",
        if EmbeddedTor::PRESENT { "yes" } else { "no" },
    ));
    ExitCode::SUCCESS
}
