//! Substitutes for every seam of Transom, for its tests
