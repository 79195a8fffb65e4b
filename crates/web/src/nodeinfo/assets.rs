//! The page's own files, in the binary.

/// A file of the page.
pub(super) struct Asset {
    name: &'static str,
    pub(super) media_type: &'static str,
    pub(super) bytes: &'static str,
    /// Belongs to the live page only.
    pub(super) live: bool,
}

/// The live page.
pub(super) const LIVE: &str = include_str!("../../assets/live.html");

/// The page without live data and console.
pub(super) const PLAIN: &str = include_str!("../../assets/plain.html");

/// All files but the pages themselves.
pub(super) const ALL: [Asset; 6] = [
    Asset {
        name: "style.css",
        media_type: "text/css; charset=utf-8",
        bytes: include_str!("../../assets/style.css"),
        live: false,
    },
    Asset {
        name: "icon.svg",
        media_type: "image/svg+xml",
        bytes: include_str!("../../assets/icon.svg"),
        live: false,
    },
    Asset {
        name: "page.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_str!("../../assets/page.js"),
        live: true,
    },
    Asset {
        name: "connect.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_str!("../../assets/connect.js"),
        live: true,
    },
    Asset {
        name: "console.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_str!("../../assets/console.js"),
        live: true,
    },
    Asset {
        name: "wamp.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_str!("../../assets/wamp.js"),
        live: true,
    },
];

/// The file of a name.
pub(super) fn find(name: &str) -> Option<&'static Asset> {
    static ASSETS: [Asset; ALL.len()] = ALL;
    ASSETS.iter().find(|asset| asset.name == name)
}

#[cfg(test)]
impl Asset {
    pub(super) fn name(&self) -> &'static str {
        self.name
    }
}
