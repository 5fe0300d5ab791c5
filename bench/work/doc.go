// Package work says what a run has to compute, whoever computes it, and turns measurements into the numbers of a page.
//
// The one trap: necessary work is less than what most programs do. A prompt counts once, padding not at all, the head at positions that
// predict a completion token, attention for the keys that a query may see, and nothing is computed a second time.
package work
