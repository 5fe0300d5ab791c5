// Package parallel cuts work that is no matrix product for the threads of a pool: [Threads]. Every element is computed on its own or in
// the rows' order, so no result depends on how the work is cut.
//
// The one trap: these calls must not be nested, nor made from a task of the same pool.
package parallel
