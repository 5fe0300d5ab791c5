// Package readpairs reads preference data: PCollection<schemas.WorkItem> → PCollection<schemas.Pair>.
//
// # Behavior
//
// [Items] spreads a plan of work items (pairs.Plan) over the workers and [Read] reads the rows of each. Items are small and cross a
// shuffle; rows never do.
//
// # Determinism
//
// An item gives the same pairs, in the same order, whenever it is read; how items meet in bundles is the runner's business.
//
// # Failure
//
// A row that can't be read as a pair goes to the second output with its code. A file that can't be read fails the bundle.
//
// The one trap: a worker opens the paths of the plan itself, so they must mean the same file there as where the plan was made.
package readpairs
