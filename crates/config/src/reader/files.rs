//! A look at the disk: what a configuration names and is not there, and who may read its secrets.
//!
//! Warnings only, because a file may be checked on another machine than the one it is for. Nothing is
//! opened.

use std::path::Path;

use super::finding::{Finding, Findings, Severity};
use crate::{
    ConnectEndpoint, ListenEndpoint, Node, Place, TlsConnectConfig, TlsListenConfig, UnixAddress, Worker,
};

/// Adds what it finds. `file`: where the configuration was read from.
pub(crate) fn check(node: &Node, file: &Path, findings: &mut Findings) {
    let mut out = Vec::new();
    named(node, &mut out);
    if world_readable(file)
        && let Some(place) = findings.first_secret()
    {
        let message = format!("every local user can read this secret: {} is world-readable", file.display());
        let hint = format!("chmod o= {}, or take it from the environment: \"${{NAME}}\"", file.display());
        out.push(Finding::new(Severity::Warning, &place, message).with_hint(hint));
    }
    findings.add_all(out);
}

/// Files and folders that the configuration names.
fn named(node: &Node, out: &mut Vec<Finding>) {
    for worker in &node.workers {
        for transport in worker.transports() {
            listening(&transport.endpoint, out);
            for (path, _) in super::cross::all_paths(super::cross::web_paths(transport)) {
                web_service(&path.service.kind, out);
            }
            for entrance in super::cross::entrances(transport) {
                if let Some(cookie) = entrance.cookie
                    && let crate::CookieStoreConfig::File(store) = &cookie.store
                    && let Some(folder) = store.filename.parent()
                {
                    needs(folder, true, &store.place.key("filename"), out);
                }
            }
        }
        if let Worker::Guest(guest) = worker
            && let Some(workdir) = &guest.options.workdir
        {
            needs(workdir, true, &guest.options.place.key("workdir"), out);
        }
    }
}

fn listening(endpoint: &ListenEndpoint, out: &mut Vec<Finding>) {
    if let Some(tls) = endpoint.tls() {
        listening_tls(tls, out);
    }
    match endpoint.plain() {
        // A socket file is made, the folder around it is not.
        ListenEndpoint::Unix(unix) => {
            if let UnixAddress::Path(path) = &unix.address
                && let Some(folder) = path.parent()
            {
                needs(folder, true, &unix.place.key("path"), out);
            }
        }
        ListenEndpoint::Onion(onion) => {
            if let Some(folder) = onion.private_key_file.parent() {
                needs(folder, true, &onion.place.key("private_key_file"), out);
            }
            private(&onion.private_key_file, &onion.place.key("private_key_file"), out);
        }
        ListenEndpoint::Tcp(_) | ListenEndpoint::Fd(_) | ListenEndpoint::Twisted(_) => {}
    }
}

fn listening_tls(tls: &TlsListenConfig, out: &mut Vec<Finding>) {
    let pairs = std::iter::once((&tls.key, &tls.certificate, &tls.chain_certificates, &tls.place)).chain(
        tls.certificates
            .iter()
            .map(|pair| (&pair.key, &pair.certificate, &pair.chain_certificates, &pair.place)),
    );
    for (key, certificate, chain, place) in pairs {
        needs(key, false, &place.key("key"), out);
        private(key, &place.key("key"), out);
        needs(certificate, false, &place.key("certificate"), out);
        for (index, file) in chain.iter().enumerate() {
            needs(file, false, &place.key("chain_certificates").index(index), out);
        }
    }
    for (index, file) in tls.ca_certificates.iter().enumerate() {
        needs(file, false, &tls.place.key("ca_certificates").index(index), out);
    }
    if let Some(file) = &tls.dhparam {
        needs(file, false, &tls.place.key("dhparam"), out);
    }
}

fn connecting_tls(tls: &TlsConnectConfig, out: &mut Vec<Finding>) {
    for (index, file) in tls.ca_certificates.iter().enumerate() {
        needs(file, false, &tls.place.key("ca_certificates").index(index), out);
    }
    if let Some(key) = &tls.key {
        needs(key, false, &tls.place.key("key"), out);
        private(key, &tls.place.key("key"), out);
    }
    if let Some(certificate) = &tls.certificate {
        needs(certificate, false, &tls.place.key("certificate"), out);
    }
}

fn connecting(endpoint: &ConnectEndpoint, out: &mut Vec<Finding>) {
    if let Some(tls) = endpoint.tls() {
        connecting_tls(tls, out);
    }
}

fn web_service(service: &crate::WebServiceConfig, out: &mut Vec<Finding>) {
    use crate::WebServiceConfig as Service;
    match service {
        Service::Static(files) => {
            if let Some(directory) = &files.directory {
                needs(directory, true, &files.place.key("directory"), out);
            }
        }
        Service::Cgi(cgi) => {
            needs(&cgi.directory, true, &cgi.place.key("directory"), out);
            needs(Path::new(&cgi.processor), false, &cgi.place.key("processor"), out);
        }
        Service::Archive(archive) if !archive.download => {
            needs(&archive.archive, false, &archive.place.key("archive"), out);
        }
        Service::Wap(wap) => {
            if let crate::WapTemplates::Directory(directory) = &wap.templates {
                needs(directory, true, &wap.place.key("templates"), out);
            }
        }
        Service::WebSocketReverseProxy(proxy) => connecting(&proxy.backend.endpoint, out),
        _ => {}
    }
}

/// A file or folder that must be there.
fn needs(path: &Path, folder: bool, place: &Place, out: &mut Vec<Finding>) {
    let what = if folder { "folder" } else { "file" };
    let why = match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() == folder => return,
        Ok(_) => format!("is not a {what}"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            "does not exist on this machine".to_owned()
        }
        Err(error) => format!("cannot be looked at: {error}"),
    };
    let message = format!("the {what} {} {why}", path.display());
    out.push(Finding::new(Severity::Warning, place, message));
}

/// A file that nobody else should be able to read.
fn private(path: &Path, place: &Place, out: &mut Vec<Finding>) {
    if world_readable(path) {
        let message = format!("every local user can read the key {}", path.display());
        let hint = format!("chmod o= {}", path.display());
        out.push(Finding::new(Severity::Warning, place, message).with_hint(hint));
    }
}

#[cfg(unix)]
fn world_readable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn world_readable(_: &Path) -> bool {
    false
}
