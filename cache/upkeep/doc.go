// Package upkeep looks after a cache: [Status] says what is in it and [Share] what its views have in common, [Verify] whether it is sound,
// [Repair] mends what is not, [Collect] removes what no recent snapshot names.
//
// The one trap: Status, Share and Verify read what is there, not what a run that goes on will make of it. A file that no manifest names is
// no fault.
package upkeep
