package dofn

import (
	"sync"
	"sync/atomic"
)

// Progress is what this process has done for a run so far. It is for the eyes: a bundle that runs again counts again.
type Progress struct {
	Rows        atomic.Int64 // rows that have their value, repeats included
	Quarantined atomic.Int64 // rows refused
	Tokens      atomic.Int64 // tokens that went through the model, what pairs share once
}

var progress sync.Map // run id → *Progress

// ProgressOf returns the progress of a run in this process.
func ProgressOf(run string) *Progress {
	p, _ := progress.LoadOrStore(run, new(Progress))
	return p.(*Progress)
}
