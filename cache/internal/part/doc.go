// Package part is one Parquet file of a cache: its columns, its footer, how it is written and how it is read. [Value] is a row of a part of
// values, [ViewRow] a row of a view. A [Writer] makes a file of either, a [Reader] reads a row group or a single row; keys files and pair ids are
// here too, for they belong to a part. docs/format.md is the specification.
//
// The one trap: parquet-go reads a column that a file lacks, or has with another type, as zero without a word. [OpenValues] and
// [OpenView] therefore compare schema and footer before anything is read; nothing else in this module opens a part.
package part
