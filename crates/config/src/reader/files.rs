//! A look at the disk: what a configuration names and is not there.
//!
//! Warnings only, because a file may be checked on another machine than the one it is for. Nothing is
//! opened.

use std::path::Path;

use super::finding::{Finding, Findings, Severity};
use crate::{
    ListenEndpoint, Node, Place, Transport, TransportProtocol, UnixAddress, WebConfig, WebPath,
    WebServiceConfig,
};

/// Adds what it finds.
pub(crate) fn check(node: &Node, findings: &mut Findings) {
    for transport in node.workers.iter().flat_map(|worker| &worker.transports) {
        socket_folder(transport, findings);
        match &transport.protocol {
            TransportProtocol::Web(web) => paths(&web.paths, findings),
            TransportProtocol::Universal(universal) => {
                let web: Option<&WebConfig> = universal.web.as_ref();
                paths(web.map_or(&[], |web| web.paths.as_slice()), findings);
            }
            TransportProtocol::WebSocket(_) | TransportProtocol::RawSocket(_) => {}
        }
    }
}

/// A socket file is made, the folder around it is not.
fn socket_folder(transport: &Transport, findings: &mut Findings) {
    let ListenEndpoint::Unix(unix) = &transport.endpoint else { return };
    let UnixAddress::Path(path) = &unix.address else { return };
    if let Some(folder) = path.parent() {
        needs_folder(folder, &unix.place.key("path"), findings);
    }
}

fn paths(paths: &[WebPath], findings: &mut Findings) {
    for path in paths {
        match &path.service {
            WebServiceConfig::Static(files) => {
                needs_folder(&files.directory, &path.place.key("directory"), findings);
            }
            WebServiceConfig::Path(nested) => self::paths(&nested.paths, findings),
            _ => {}
        }
    }
}

fn needs_folder(folder: &Path, place: &Place, findings: &mut Findings) {
    let why = match std::fs::metadata(folder) {
        Ok(meta) if meta.is_dir() => return,
        Ok(_) => "is not a folder".to_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            "does not exist on this machine".to_owned()
        }
        Err(error) => format!("cannot be looked at: {error}"),
    };
    let message = format!("the folder {} {why}", folder.display());
    findings.add(Finding::new(Severity::Warning, place, message));
}
