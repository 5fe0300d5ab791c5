// Package clean holds the normalizers of the Rust crate tokenizers that take characters away or put one for another: Nmt, Strip,
// StripAccents and BertNormalizer. Each is a function of the text.
//
// The one trap: StripAccents takes every combining mark away, but decomposes nothing; BertNormalizer decomposes, and takes only the
// nonspacing marks of its older Unicode.
package clean
