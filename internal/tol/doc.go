// Package tol is what tests share: it compares numbers, finds what only some machines have (golden files, a model, Python) and measures
// memory: that of a process of its own, and what a parser allocates for an input.
//
// The one trap: a skipped test proves nothing. With STEELYARD_REQUIRE=1, as in continuous integration, every skip here is a failure.
package tol
