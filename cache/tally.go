package cache

import (
	"cmp"
	"slices"
	"strings"

	"github.com/steelyard-ml/steelyard/schemas"
)

// A Staged is a closed part below tmp/<run>/, by name, content and what it counts. It travels through coders of JSON and of Beam; as a
// JSON file beside a part of values it is the receipt by which a later run adopts the part.
type Staged struct {
	Name   string         `json:"name"`   // that no other part of the run has
	Rows   int64          `json:"rows"`   // rows, or lines of a quarantine file
	Bytes  int64          `json:"bytes"`  // size
	SHA256 string         `json:"sha256"` // 64 hex digits
	First  schemas.Source `json:"first"`  // the least source of its rows: parts are listed in this order

	// The keys file of a part of values; zero for other parts.
	KeysBytes  int64  `json:"keys_bytes,omitempty"`
	KeysSHA256 string `json:"keys_sha256,omitempty"`

	Tally Tally `json:"tally"` // what this part adds to the run's counts
}

// A Done is what a Sink made, and all that a bundle has to hand to the commit.
type Done struct{ Values, Views, Quarantine []Staged }

// A Tally counts what was done. Parts of values count Scored, Tokens and CompletionTokens; parts of a view Rows, Reused, Truncated,
// Identical and Diverged; quarantine its codes: the sum over all parts of a run is the run's.
type Tally struct {
	Rows             int64 // rows of the view
	Reused           int64 // rows of the view whose value was in the cache before the run
	Scored           int64 // rows of values
	Tokens           int64 // tokens of the values, a pair's prompt once; what pairs share counts for each
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
	t.Reused += u.Reused
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
		Reused:      t.Reused,
		Scored:      t.Scored,
		Tokens:      t.Tokens,
		Completion:  t.CompletionTokens,
		Quarantined: codes,
		Truncated:   t.Truncated,
		Identical:   t.Identical,
		Diverged:    t.Diverged,
	}
}

// compare orders parts by their first source and then by content, so that the same parts are always listed in the same order.
func (p Staged) compare(q Staged) int {
	return cmp.Or(cmp.Compare(p.First.File, q.First.File), cmp.Compare(p.First.Pos, q.First.Pos), strings.Compare(p.SHA256, q.SHA256), strings.Compare(p.Name, q.Name))
}
