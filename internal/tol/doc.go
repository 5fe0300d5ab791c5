// Package tol compares numbers in tests and finds what only some machines have: golden files, a model, Python.
//
// The one trap: a skipped test proves nothing. With STEELYARD_REQUIRE=1, as in continuous integration, every skip here is a failure.
package tol
