// Package ucd holds what the Rust crate tokenizers knows about Unicode: general categories, and canonical normalization. Its tables
// are observed from that crate (Unicode 16), because Go's are of another version and every letter that only one of them knows would
// be split differently.
//
// The one trap: normalization here has no stream-safe rule. A run of any length of combining marks is sorted and composed as it is,
// as the crate does; golang.org/x/text would insert U+034F into it.
package ucd
