// Package layout is where the files of a cache lie and how its documents are read and written: [Values], [Keys], [Staged] and the like
// give names, [Get], [Put] and [Measure] are the small steps that every writer and reader of a cache takes. docs/format.md is the
// specification.
//
// The one trap: a name says nothing of whether a file belongs to a cache; only a manifest does.
package layout
