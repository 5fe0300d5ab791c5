package reflogp

import "github.com/steelyard-ml/steelyard/transforms/internal/dofn"

// Progress is what this process has done for a run so far. It is for the eyes: a bundle that runs again counts again, and work on other
// machines isn't in it.
type Progress struct {
	Rows        int64 // rows that have their value, repeats included
	Quarantined int64 // rows refused, by whatever step
	Tokens      int64 // tokens that went through the model, what pairs share once
}

// ProgressOf returns the progress of a run.
func ProgressOf(run string) Progress {
	p := dofn.ProgressOf(run)
	return Progress{Rows: p.Rows.Load(), Quarantined: p.Quarantined.Load(), Tokens: p.Tokens.Load()}
}
