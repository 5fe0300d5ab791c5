// Package perm shuffles the rows of a view: a [Perm] is a pseudo-random permutation of row numbers in a few words of memory, however many
// rows there are.
//
// The one trap: it is for ever. A resumed run depends on the same seed giving the same order, so a change here breaks every run that is
// not done.
package perm
