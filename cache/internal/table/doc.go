// Package table keeps many small records of one size in a local file: appended, then memory-mapped, sorted in place and searched. The heap
// does not grow with the records; the pages of the mapping are the kernel's to keep or to write back. Records compare as bytes, so their
// numbers are big-endian.
//
// The one trap: a record that [Table.Record] returns is a window into the mapping; after Close it must not be touched.
package table
