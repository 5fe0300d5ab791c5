// Package upkeep looks after a cache: [Status] says what is in it, [Verify] whether it is sound.
//
// The one trap: these read what is there, not what a run that goes on will make of it. A file that no manifest names is no fault.
package upkeep
