//! The configuration dialect of Crossbar.io nodes: typed structs, and a reader with precise findings
