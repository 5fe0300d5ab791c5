// Package scan finds what the regular expressions of tokenizer.json files match, with a scanner written by hand for each: they need
// look-ahead and the crate's Unicode tables, and take most of the time of encoding.
//
// The one trap: a pattern is known by its exact text ([Pattern]). One that differs in a character may split differently and is unknown.
package scan
