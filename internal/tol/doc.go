// Package tol is what tests share: it compares numbers, finds what only some machines have (golden files, a model, Python) and measures
// the memory of a process of its own.
//
// The one trap: a skipped test proves nothing. With STEELYARD_REQUIRE=1, as in continuous integration, every skip here is a failure.
package tol
