//! Whole configurations: what is read from them, and every word that is said about wrong ones.

mod reading {
    mod findings;
    mod good;
    mod robust;
    mod support;
}
