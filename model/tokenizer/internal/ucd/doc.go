// Package ucd holds what the Rust crate tokenizers knows about Unicode: general categories, normal forms, lower case, grapheme clusters
// and the sets that its components name. Its tables are observed from that crate, because Go's are of another version and every letter
// that only one of them knows would be split differently. The crate's own are of several: Unicode 16 in the categories of regular
// expressions, older in normal forms, marks and punctuation, newer in clusters.
//
// The one trap: normalization here has no stream-safe rule. A run of any length of combining marks is sorted and composed as it is,
// as the crate does; golang.org/x/text would insert U+034F into it.
package ucd
