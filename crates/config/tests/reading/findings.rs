//! Every word that is said about wrong configurations.

mod cross;
mod endpoints;
mod node;
mod protocols;
mod shown;
mod whole;
