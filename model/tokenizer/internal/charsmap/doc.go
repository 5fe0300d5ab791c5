// Package charsmap normalizes text by the precompiled charsmap of a SentencePiece model, as the normalizer Precompiled of the Rust crate
// tokenizers does, grapheme cluster by grapheme cluster.
//
// The one trap: a cluster is replaced by what the charsmap has for the shortest key that it begins with, so marks after such a key are
// lost. SentencePiece itself takes the longest key and keeps them.
package charsmap
