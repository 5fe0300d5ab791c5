// Bench measures this program, and what it is held against, side by side in one run, and writes docs/benchmarks.md: make bench.
//
// Everything that loads a model runs in a process of its own, so that its peak memory is its own: this program's parts as jobs of this
// binary (see job.go) or as the command steelyard, the peers as scripts (package peers). Between runs the machine's peak is read, so that
// a share of it is of that minute's.
//
// The one trap: an absolute number means nothing on another machine, nor on this one an hour later. Ratios within one run do.
package main
