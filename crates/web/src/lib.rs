//! Web services of a Transom node: static files, redirects, JSON values, the node page
