package cache

import (
	"slices"
	"strings"

	"github.com/steelyard-ml/steelyard/schemas"
)

// A Staged is a closed part below tmp/<run>/, by name, content and what it counts. It travels through coders of JSON and of Beam.
type Staged struct {
	Name   string         // of the file below tmp/<run>/
	Rows   int64          // rows, or lines of a quarantine file
	Bytes  int64          // size
	SHA256 string         // 64 hex digits
	First  schemas.Source // the least source of its rows: parts are numbered in this order

	// The keys file of a part of values; empty for other parts.
	Keys       string
	KeysBytes  int64
	KeysSHA256 string

	Tally Tally // what this part adds to the run's counts
}

// A Done is what a Sink made, and all that a bundle has to hand to the commit.
type Done struct{ Values, Views, Quarantine []Staged }

// A Tally counts what was done. Parts of values count Scored, Tokens and CompletionTokens; parts of a view Rows, Truncated, Identical and
// Diverged; quarantine its codes: the sum over all parts of a run is the run's.
type Tally struct {
	Rows             int64 // rows of the view
	Scored           int64 // rows of values
	Tokens           int64 // tokens that went through the model, a shared prompt once
	CompletionTokens int64
	Truncated        int64 // rows with a completion that max_length cut
	Identical        int64 // rows whose chosen and rejected have the same tokens
	Diverged         int64 // rows whose prompt was no token prefix
	Quarantined      []CodeCount
}

// A CodeCount is how many rows a code of quarantine has.
type CodeCount struct {
	Code schemas.Code
	N    int64
}

// Add adds u. Quarantined stays sorted by code, each code once.
func (t *Tally) Add(u Tally) {
	t.Rows += u.Rows
	t.Scored += u.Scored
	t.Tokens += u.Tokens
	t.CompletionTokens += u.CompletionTokens
	t.Truncated += u.Truncated
	t.Identical += u.Identical
	t.Diverged += u.Diverged
	for _, c := range u.Quarantined {
		t.count(c.Code, c.N)
	}
}

func (t *Tally) count(code schemas.Code, n int64) {
	i, ok := slices.BinarySearchFunc(t.Quarantined, code, func(c CodeCount, code string) int { return strings.Compare(c.Code, code) })
	if !ok {
		t.Quarantined = slices.Insert(t.Quarantined, i, CodeCount{Code: code})
	}
	t.Quarantined[i].N += n
}

// quarantined returns the rows by code, and how many rows there are and how many of them malformed.
func (t Tally) quarantined() (codes map[schemas.Code]int64, rows, malformed int64) {
	for _, c := range t.Quarantined {
		if codes == nil {
			codes = map[schemas.Code]int64{}
		}
		codes[c.Code] = c.N
		rows += c.N
		if schemas.Malformed(c.Code) {
			malformed += c.N
		}
	}
	return codes, rows, malformed
}

// counts returns the tally as a run records it.
func (t Tally) counts() schemas.Counts {
	codes, _, _ := t.quarantined()
	return schemas.Counts{
		Rows:        t.Rows,
		Scored:      t.Scored,
		Tokens:      t.Tokens,
		Completion:  t.CompletionTokens,
		Quarantined: codes,
		Truncated:   t.Truncated,
		Identical:   t.Identical,
		Diverged:    t.Diverged,
	}
}
